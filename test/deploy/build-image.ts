/**
 * Carries out `deploy/Dockerfile` without a container engine: each stage becomes a folder, its instructions run in their
 * order, and what the image would be told (user, environment, commands) is read from the same instructions.
 *
 * Stands in for two things that cannot be had here: the image of Node (this process' own Node is put where that has it)
 * and the base (exactly the libraries that this Node is linked with). Knows only the forms of instructions that the file
 * uses, and throws on any other, so that nothing is left out in silence.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import {
  type Copy,
  type Dockerfile,
  DockerfileParser,
  type Instruction,
  type JSONInstruction,
  type ModifiableInstruction,
  type PropertyInstruction,
} from 'dockerfile-ast';

export const repository = new URL('../../', import.meta.url).pathname;
export const dockerfileText = readFileSync(join(repository, 'deploy/Dockerfile'), 'utf8');

/** What a container engine is told about an image. */
export interface ImageSettings {
  readonly environment: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly user: string;
  readonly workingFolder: string;
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
}

export interface Image {
  /** The image's root as a folder. */
  readonly root: string;
  readonly settings: ImageSettings;
}

export interface Images {
  image(stage: string): Image;
  remove(): void;
}

interface Stage {
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export function parseDockerfile(): Dockerfile {
  return DockerfileParser.parse(dockerfileText);
}

/** Arguments before the first FROM, which are what is pinned. */
export function pinnedImages(): ReadonlyMap<string, string> {
  return new Map(
    parseDockerfile()
      .getInitialARGs()
      .map((arg) => [arg.getProperty()?.getName() ?? '', arg.getProperty()?.getValue() ?? '']),
  );
}

/** Stages in their order, each with the instructions after its FROM. */
export function stages(): readonly Stage[] {
  const found: { name: string; base: string; instructions: Instruction[] }[] = [];
  for (const instruction of parseDockerfile().getInstructions()) {
    if (instruction.getKeyword() === 'FROM') {
      const [image = '', as, name = ''] = instruction.getArguments().map((argument) => argument.getValue());
      if (as?.toUpperCase() !== 'AS') throw new Error(`A stage without a name: ${image}`);
      found.push({ name, base: image, instructions: [] });
    } else {
      found.at(-1)?.instructions.push(instruction);
    }
  }
  return found;
}

/** The instructions that make up a stage, those of the stages it stands on first. */
export function lineageOf(name: string): readonly Instruction[] {
  const stage = stages().find((candidate) => candidate.name === name);
  if (!stage) return [];
  return [...lineageOf(stage.base), ...stage.instructions];
}

/** Builds every stage. Takes the time of an `npm ci`. */
export function buildImages(): Images {
  const folder = mkdtempSync(join(tmpdir(), 'dora-image-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const roots = new Map<string, string>();
  try {
    for (const stage of stages()) {
      const root = join(folder, stage.name);
      roots.set(stage.name, root);
      prepareBase(stage.base, root, roots);
      let workingFolder = settingsOf(lineageOf(stage.base)).workingFolder;
      for (const instruction of stage.instructions) {
        if (instruction.getKeyword() === 'WORKDIR') workingFolder = wordsOf(instruction)[0] ?? '/';
        carryOut(instruction, root, workingFolder, roots);
      }
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    image(stage) {
      const root = roots.get(stage);
      if (!root) throw new Error(`No stage ${stage}`);
      return { root, settings: settingsOf(lineageOf(stage)) };
    },
    remove,
  };
}

/** The last of each where an instruction replaces, all where it adds. Defaults where there is none. */
export function settingsOf(instructions: readonly Instruction[]): ImageSettings {
  const ofKind = (keyword: string) =>
    instructions.filter((instruction) => instruction.getKeyword() === keyword);
  const last = (keyword: string) => ofKind(keyword).at(-1);
  const pairs = (keyword: string) =>
    new Map(
      ofKind(keyword).flatMap((instruction) =>
        (instruction as PropertyInstruction)
          .getProperties()
          .map((property) => [property.getName(), property.getValue() ?? ''] as const),
      ),
    );
  return {
    environment: pairs('ENV'),
    labels: pairs('LABEL'),
    user: wordsOf(last('USER'))[0] ?? 'root',
    workingFolder: wordsOf(last('WORKDIR'))[0] ?? '/',
    volumes: ofKind('VOLUME').flatMap(wordsOf),
    ports: ofKind('EXPOSE').flatMap(wordsOf),
    entrypoint: execForm(last('ENTRYPOINT') as JSONInstruction | undefined),
    healthcheck: execForm(commandOf(last('HEALTHCHECK'))),
  };
}

/** Whether `.dockerignore` keeps a path from the builder. Knows `*` alone, names, and `!name`. */
export function isKeptFromBuilder(path: string): boolean {
  let isIgnored = false;
  for (const line of readFileSync(join(repository, '.dockerignore'), 'utf8').split('\n')) {
    const pattern = line.trim();
    if (pattern === '' || pattern.startsWith('#')) continue;
    const isException = pattern.startsWith('!');
    const name = isException ? pattern.slice(1) : pattern;
    if (name !== '*' && !/^[\w./-]+$/.test(name)) throw new Error(`Pattern not known here: ${pattern}`);
    if (name === '*' || path === name || path.startsWith(`${name}/`)) isIgnored = !isException;
  }
  return isIgnored;
}

function prepareBase(base: string, root: string, roots: ReadonlyMap<string, string>): void {
  mkdirSync(root, { recursive: true });
  const parent = roots.get(base);
  if (parent) {
    execFileSync('cp', ['-a', '--link', `${parent}/.`, root]);
  } else if (base === '$' + '{NODE_IMAGE}') {
    put(process.execPath, join(root, 'usr/local/bin/node'));
  } else if (base === '$' + '{BASE_IMAGE}') {
    for (const library of librariesOf(process.execPath)) put(library, join(root, library));
  } else {
    throw new Error(`A base not known here: ${base}`);
  }
}

/** Paths of the shared libraries that a program loads. */
export function librariesOf(program: string): readonly string[] {
  const told = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...told.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
}

function carryOut(
  instruction: Instruction,
  root: string,
  workingFolder: string,
  roots: ReadonlyMap<string, string>,
): void {
  const here = join(root, workingFolder);
  mkdirSync(here, { recursive: true });
  switch (instruction.getKeyword()) {
    case 'RUN':
      run(instruction.getArgumentsContent() ?? '', here);
      break;
    case 'COPY':
      copy(instruction as Copy, root, here, roots);
      break;
    case 'ARG':
    case 'ENV':
    case 'EXPOSE':
    case 'ENTRYPOINT':
    case 'HEALTHCHECK':
    case 'LABEL':
    case 'USER':
    case 'VOLUME':
    case 'WORKDIR':
      break;
    default:
      throw new Error(`An instruction not known here: ${instruction.getInstruction()}`);
  }
}

function run(command: string, folder: string): void {
  const inherited = Object.entries(process.env).filter(
    // What npm tells the programs it runs would make another npm work in this repository instead.
    ([name]) => !/^(npm_(package|lifecycle|config_local_prefix|command)|INIT_CWD|NODE_ENV)/.test(name),
  );
  execFileSync('sh', ['-c', command], {
    cwd: folder,
    env: {
      ...Object.fromEntries(inherited),
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      npm_config_prefer_offline: 'true',
    },
    stdio: 'pipe',
  });
}

function copy(instruction: Copy, root: string, here: string, roots: ReadonlyMap<string, string>): void {
  const from = flag(instruction, 'from');
  const words = wordsOf(instruction);
  const target = words.at(-1) ?? '';
  const destination = target.startsWith('/') ? join(root, target) : join(here, target);
  for (const word of words.slice(0, -1)) {
    const source = join(from === null ? repository : (roots.get(from) ?? ''), word);
    if (!existsSync(source)) throw new Error(`COPY of what is not there: ${word}`);
    if (from === null) refuseIgnored(source);
    const isFolder = statSync(source).isDirectory();
    put(source, isFolder || !target.endsWith('/') ? destination : join(destination, basename(source)));
  }
  const owner = flag(instruction, 'chown');
  if (owner !== null) execFileSync('chown', ['-R', owner, destination]);
}

/** Throws where the builder would never have been given the file. */
function refuseIgnored(source: string): void {
  const files = statSync(source).isDirectory()
    ? readdirSync(source, { recursive: true, withFileTypes: true }).map((entry) =>
        join(entry.parentPath, entry.name),
      )
    : [source];
  for (const file of files) {
    const path = relative(repository, file);
    if (isKeptFromBuilder(path)) throw new Error(`COPY of what .dockerignore leaves out: ${path}`);
  }
}

function put(source: string, destination: string): void {
  mkdirSync(dirname(destination), { recursive: true });
  const isFolder = statSync(source).isDirectory();
  execFileSync('cp', ['-a', '--dereference', isFolder ? `${source}/.` : source, destination]);
}

function flag(instruction: ModifiableInstruction, name: string): string | null {
  const found = instruction.getFlags().find((candidate) => candidate.getName() === name);
  return found?.getValue() ?? null;
}

function wordsOf(instruction: Instruction | undefined): string[] {
  return instruction?.getArguments().map((argument) => argument.getValue()) ?? [];
}

/** What stands after CMD in a HEALTHCHECK, as the instruction that it would be on its own. */
function commandOf(healthcheck: Instruction | undefined): JSONInstruction | undefined {
  if (!healthcheck) return undefined;
  const content = healthcheck.getArgumentsContent() ?? '';
  const command = content.slice(content.indexOf('CMD '));
  return DockerfileParser.parse(`FROM scratch\n${command}`).getCMDs()[0];
}

/** The command of an instruction in exec form; throws on shell form, which would need a shell. */
function execForm(instruction: JSONInstruction | undefined): string[] {
  if (!instruction) return [];
  const words = instruction.getJSONStrings();
  if (words.length === 0) throw new Error(`Not in exec form: ${instruction.getInstruction()}`);
  return words.map((word) => JSON.parse(word.getValue()) as string);
}
