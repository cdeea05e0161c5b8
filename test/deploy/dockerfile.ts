/** Reads `deploy/Dockerfile`: its stages, and what each of them tells a container engine. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Dockerfile,
  DockerfileParser,
  type Instruction,
  type JSONInstruction,
  type PropertyInstruction,
} from 'dockerfile-ast';
import { repository } from '../support/repository.ts';

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
