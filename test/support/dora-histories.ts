/**
 * Random histories for the laws over the five figures: pipelines of several repos and tiers, the commits that they deploy,
 * their observations and corrections, and the times of the forge's answers.
 *
 * Each observation of a pipeline outranks the earlier ones, so that the truth at a time follows from the delivered
 * observations, without merging. Domains are small, so that ties are frequent.
 */

import fc from 'fast-check';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import { defaultPolicy, type Policy, type Window } from '../../src/core/policy.ts';
import type { RepoFacts } from '../../src/core/repo.ts';
import type { CommitGraph, ForgeAnswer, GraphCommit, TrueDeployment, Truth } from './dora-oracle.ts';
import { aPolicy, aRecord, someFacts } from './records.ts';

/** Start time of a history's clock, in Unix seconds. */
export const dawn = 1_700_000_000;
const hour = 3600;
const day = 24 * hour;
/** Pipelines begin and end on this grid, which starts some time before `dawn`. */
const gridSeconds = 6 * hour;

/** The content of one observation of a pipeline. */
export interface Telling {
  readonly status: 'success' | 'failure' | 'running' | 'canceled';
  readonly event: 'push' | 'pull_request';
  /** Unix seconds. */
  readonly at: number;
  readonly createdAt: number | null;
  readonly deployTo: '' | 'production';
  readonly branch: 'main' | 'hotfix/1';
  readonly message: string;
  readonly commit: string;
  readonly committedAt: number | null;
}

export interface ToldPipeline {
  readonly repo: number;
  readonly number: number;
  /** Each outranks the earlier ones. */
  readonly tellings: readonly Telling[];
  /** Whether the first observation is of another pipeline with the number, before the server's database was restored. */
  readonly hasPredecessor: boolean;
}

export interface Name {
  readonly fullName: string;
  /** Unix seconds; the latest one counts. */
  readonly asOf: number;
}

/** A joined one shares the transaction of the one before. */
export type Step = { readonly isJoined: boolean } & (
  | {
      readonly kind: 'tell';
      readonly pipeline: number;
      readonly telling: number;
      readonly name: Name;
      readonly origin: 'live' | 'scan';
    }
  /** Notes the pending lookups; the answers arrive later. */
  | { readonly kind: 'ask' }
  /** Index of a noted lookup, modulo their number. */
  | { readonly kind: 'answer'; readonly which: number }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'release'; readonly repo: number }
  /** A backfill on request extends the known time of a repo. */
  | { readonly kind: 'cover'; readonly repo: number; readonly since: number }
);

export interface History {
  readonly pipelines: readonly ToldPipeline[];
  readonly graph: CommitGraph;
  /** Commits that the forge has removed. */
  readonly lost: ReadonlySet<string>;
  readonly steps: readonly Step[];
  readonly policy: Policy;
  /** Random numbers for the choice of times, each from 0 to below 1. */
  readonly picks: readonly number[];
}

export interface HistoryOptions {
  /** Whether observations may be corrected, and repos renamed. */
  readonly corrections?: boolean;
  /** Whether each pipeline has one observation, in order of time, and the forge knows all commits. */
  readonly inOrder?: boolean;
  /** Whether there are scans, whose pipelines are pending until the release. */
  readonly scans?: boolean;
  readonly maxPipelines?: number;
}

/** Two repos whose names differ only in case, and a third one that may be renamed to that name. */
const names: Readonly<Record<number, readonly [Name, Name]>> = {
  1: [
    { fullName: 'acme/shop', asOf: dawn },
    { fullName: 'acme/store', asOf: dawn + 10 },
  ],
  2: [
    { fullName: 'Acme/Shop', asOf: dawn + 1 },
    { fullName: 'Acme/Shop', asOf: dawn + 11 },
  ],
  3: [
    { fullName: 'acme/dns', asOf: dawn + 2 },
    { fullName: 'acme/shop', asOf: dawn + 12 },
  ],
};

export const repoIds: readonly number[] = [1, 2, 3];

const onGrid = (place: number) => dawn - 4 * day + place * gridSeconds;
const anyMoment = () => fc.integer({ min: 0, max: 40 }).map(onGrid);

const anyGraph = (): fc.Arbitrary<Map<string, GraphCommit>> =>
  fc
    .array(
      fc.record({
        /** Number of commits back to each parent. */
        parents: fc.oneof(
          { weight: 8, arbitrary: fc.constant<number[]>([1]) },
          { weight: 2, arbitrary: fc.constant<number[]>([2]) },
          { weight: 2, arbitrary: fc.constantFrom<number[][]>([1, 2], [1, 3], [2, 3]) },
          { weight: 1, arbitrary: fc.constant<number[]>([]) },
        ),
        madeAt: fc.integer({ min: -10, max: 30 }),
      }),
      { minLength: 2, maxLength: 12 },
    )
    .map(
      (drafts) =>
        new Map(
          drafts.map(({ parents, madeAt }, index) => [
            `c${index}`,
            {
              committedAt: onGrid(madeAt) - 17,
              parents: parents.filter((back) => back <= index).map((back) => `c${index - back}`),
            },
          ]),
        ),
    );

const anyWindows = (): fc.Arbitrary<Window[]> =>
  fc
    .array(
      fc.oneof(
        fc.integer({ min: 1, max: 14 * day }),
        fc.integer({ min: 1, max: 50 }).map((steps) => steps * gridSeconds),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((lengths) => lengths.map((seconds, index) => ({ name: `w${index}`, seconds })));

/** `isFocused`: mostly successful deployments to one tier. */
const anyTelling = (
  commits: readonly string[],
  inOrder: boolean,
  isFocused: boolean,
): fc.Arbitrary<Telling> =>
  fc
    .record({
      status: fc.oneof(
        { weight: isFocused ? 15 : 6, arbitrary: fc.constant('success' as const) },
        { weight: 3, arbitrary: fc.constant('failure' as const) },
        { weight: 1, arbitrary: fc.constantFrom('running' as const, 'canceled' as const) },
      ),
      event: fc.oneof(
        { weight: 8, arbitrary: fc.constant('push' as const) },
        { weight: 1, arbitrary: fc.constant('pull_request' as const) },
      ),
      at: anyMoment(),
      ranFor: fc.constantFrom(0, 600, 3 * day),
      isCreationTold: inOrder ? fc.constant(true) : fc.constantFrom(true, true, true, false),
      deployTo: isFocused
        ? fc.constant('production' as const)
        : fc.constantFrom('production' as const, 'production' as const, '' as const),
      branch: fc.constantFrom('main' as const, 'main' as const, 'hotfix/1' as const),
      message: fc.constantFrom('add a cart', 'add a cart', 'Revert "add a cart"'),
      commit: fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom(...commits) },
        { weight: 1, arbitrary: fc.constant('') },
      ),
      committedAt: fc.option(anyMoment(), { freq: 2, nil: null }),
    })
    .map(
      ({ ranFor, isCreationTold, ...told }): Telling => ({
        ...told,
        createdAt: isCreationTold ? told.at - (inOrder ? 60 : ranFor) : null,
      }),
    );

/** Makes each pipeline end no earlier than those with lower numbers, if numbers follow the order of time. */
function inOrderOfTime(pipelines: readonly ToldPipeline[]): ToldPipeline[] {
  const byTime = [...pipelines].sort((a, b) => (a.tellings[0]?.at ?? 0) - (b.tellings[0]?.at ?? 0));
  return byTime.map((pipeline, index) => ({ ...pipeline, number: index + 1 }));
}

export function anyHistory(options: HistoryOptions = {}): fc.Arbitrary<History> {
  const { corrections = false, inOrder = false, scans = false, maxPipelines = 10 } = options;
  return fc.tuple(anyGraph(), fc.boolean()).chain(([graph, isFocused]) => {
    const commits = [...graph.keys()];
    const anyPipeline = fc
      .record({
        repo: isFocused ? fc.constant(1) : fc.constantFrom(1, 1, 1, 1, 2, 3),
        tellings: fc.array(anyTelling(commits, inOrder, isFocused), {
          minLength: 1,
          maxLength: corrections ? (isFocused ? 2 : 3) : 1,
        }),
        hasPredecessor: corrections ? fc.constantFrom(true, false, false) : fc.constant(false),
        /** Most corrections change the end. */
        isSteady: fc.constantFrom(true, true, false),
      })
      .map(({ isSteady, tellings, ...told }) => {
        const [first] = tellings;
        const about = isSteady && first ? { commit: first.commit, deployTo: first.deployTo } : {};
        return { ...told, tellings: tellings.map((telling): Telling => ({ ...telling, ...about })) };
      });
    return fc
      .record({
        pipelines: fc
          .array(anyPipeline, { minLength: isFocused ? 4 : 1, maxLength: maxPipelines, size: 'max' })
          // Numbers are unique over all repos: of two pipelines that end in the same second, the number decides.
          .map((drafts) => drafts.map((draft, index): ToldPipeline => ({ ...draft, number: index + 1 })))
          .map((pipelines) => (inOrder ? inOrderOfTime(pipelines) : pipelines)),
        lost: inOrder
          ? fc.constant([])
          : fc.oneof(
              { weight: 2, arbitrary: fc.constant([]) },
              { weight: 1, arbitrary: fc.array(fc.constantFrom(...commits), { maxLength: 2 }) },
            ),
        windows: anyWindows(),
        picks: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
          minLength: 5,
          maxLength: 5,
        }),
      })
      .chain(({ pipelines, lost, windows, picks }) =>
        (inOrder
          ? fc.constant(stepsInOrder(pipelines, scans))
          : anySteps(pipelines, { corrections, scans })
        ).map((steps) => ({
          pipelines,
          graph,
          lost: new Set(lost),
          steps,
          policy: policyOf(windows),
          picks,
        })),
      );
  });
}

function policyOf(windows: readonly Window[]): Policy {
  return aPolicy({
    tiers: [
      { tier: 'production', deployTo: ['production'] },
      { tier: 'platform', repos: ['ACME/dns'] },
    ],
    // The oracle of these laws only knows pipelines.
    failures: { ...defaultPolicy.failures, tiers: [] },
    defaultTier: 'staging',
    deployments: { branches: ['*'] },
    rework: { branches: ['hotfix/*'], message: ['^revert'] },
    windows,
  });
}

/** With `scans`, every second pipeline is found by one. */
function stepsInOrder(pipelines: readonly ToldPipeline[], scans: boolean): Step[] {
  let now = dawn;
  return pipelines.flatMap(({ repo, tellings }, pipeline) => {
    const seconds = Math.max(0, (tellings[0]?.at ?? 0) - now);
    now += seconds;
    const origin = scans && pipeline % 2 === 0 ? 'scan' : 'live';
    return [
      { kind: 'wait', isJoined: false, seconds },
      { kind: 'tell', isJoined: false, pipeline, telling: 0, name: firstNameOf(repo), origin },
      { kind: 'ask', isJoined: false },
      { kind: 'answer', isJoined: false, which: 0 },
    ] as const;
  });
}

/** Every observation once or twice, in any order, with the other events between them. */
function anySteps(
  pipelines: readonly ToldPipeline[],
  { corrections, scans }: { corrections: boolean; scans: boolean },
): fc.Arbitrary<Step[]> {
  const isJoined = fc.constantFrom(true, false);
  const anyPlace = fc.nat({ max: 9999 });
  const anyName = (repo: number) =>
    corrections
      ? fc.constantFrom(firstNameOf(repo), firstNameOf(repo), lastNameOf(repo))
      : fc.constant(firstNameOf(repo));
  const tellings = pipelines.flatMap(({ repo, tellings: all }, pipeline) =>
    all.map((_, telling) =>
      fc.array(
        fc.record({
          place: anyPlace,
          step: fc.record({
            kind: fc.constant('tell' as const),
            isJoined,
            pipeline: fc.constant(pipeline),
            telling: fc.constant(telling),
            name: anyName(repo),
            origin: scans ? fc.constantFrom('live' as const, 'scan' as const) : fc.constant('live' as const),
          }),
        }),
        { minLength: 1, maxLength: 2 },
      ),
    ),
  );
  const between = fc.array(
    fc.record({
      place: anyPlace,
      step: fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({ kind: fc.constant('ask' as const), isJoined: fc.constant(false) }),
        },
        {
          weight: 8,
          arbitrary: fc.record({
            kind: fc.constant('answer' as const),
            isJoined,
            which: fc.nat({ max: 20 }),
          }),
        },
        {
          weight: 4,
          arbitrary: fc.record({
            kind: fc.constant('wait' as const),
            isJoined: fc.constant(false),
            seconds: fc.oneof(fc.integer({ min: 1, max: 3 * day }), fc.constant(gridSeconds)),
          }),
        },
        {
          weight: 2,
          arbitrary: fc.record({ kind: fc.constant('restart' as const), isJoined: fc.constant(false) }),
        },
        ...(scans
          ? [
              {
                weight: 3,
                arbitrary: fc.record({
                  kind: fc.constant('release' as const),
                  isJoined: fc.constant(false),
                  repo: fc.constantFrom(...repoIds),
                }),
              },
              {
                weight: 2,
                arbitrary: fc.record({
                  kind: fc.constant('cover' as const),
                  isJoined: fc.constant(false),
                  repo: fc.constantFrom(...repoIds),
                  since: anyMoment(),
                }),
              },
            ]
          : []),
      ),
    }),
    { maxLength: 20, size: 'max' },
  );
  return fc.tuple(between, ...tellings).map((parts) =>
    parts
      .flat()
      .sort((a, b) => a.place - b.place)
      .map(({ step }) => step),
  );
}

function firstNameOf(repo: number): Name {
  const name = names[repo]?.[0];
  if (!name) throw new Error(`No repo has the id ${repo}`);
  return name;
}

function lastNameOf(repo: number): Name {
  return names[repo]?.[1] ?? firstNameOf(repo);
}

export function factsOf(repo: number, name: Name): RepoFacts & { woodpeckerId: number } {
  return { ...someFacts({ ...name, forgeRemoteId: null, defaultBranch: 'main' }), woodpeckerId: repo };
}

export function recordOf({ number, tellings, hasPredecessor }: ToldPipeline, place: number): PipelineRecord {
  const telling = tellings[place];
  if (!telling) throw new Error(`Pipeline ${number} has no telling ${place}`);
  const { at, status, ...told } = telling;
  const isEnded = status !== 'running';
  return aRecord({
    ...told,
    status,
    number,
    id: 2 * number + (hasPredecessor && place === 0 ? 0 : 1),
    startedAt: null,
    finishedAt: isEnded ? at : null,
    updatedAt: dawn + place,
  });
}

/** By the rules of `policyOf`, perhaps without the one by name; `name`: the current name of the repo. */
function tierOf({ tiers }: Policy, name: string, deployTo: Telling['deployTo']): string {
  if (deployTo === 'production') return 'production';
  return name === 'acme/dns' && tiers.some(({ tier }) => tier === 'platform') ? 'platform' : 'staging';
}

/** The history without the rule by name: no rename moves a pipeline to another tier. */
export function withoutNameRule(history: History): History {
  const tiers = history.policy.tiers.filter(({ tier }) => tier !== 'platform');
  return { ...history, policy: { ...history.policy, tiers } };
}

/** The observations and names that were delivered. */
export interface Heard {
  readonly tellings: ReadonlySet<string>;
  readonly names: ReadonlyMap<number, Name>;
}

export function keyOfTelling(pipeline: number, telling: number): string {
  return `${pipeline}/${telling}`;
}

/**
 * The truth that follows from the delivered observations: the highest one of each pipeline, the latest name of each repo.
 */
export function truthOf(
  { pipelines, graph, policy }: History,
  heard: Heard,
  told: {
    readonly asksForge: boolean;
    readonly fallback: 'created' | null;
    readonly answers: readonly ForgeAnswer[];
    readonly knownSince: ReadonlyMap<number, number>;
    readonly countsBeyond: boolean;
  },
): Truth {
  const present = pipelines.flatMap(({ repo, number, tellings }, pipeline) => {
    const place = tellings.findLastIndex((_, telling) => heard.tellings.has(keyOfTelling(pipeline, telling)));
    const telling = tellings[place];
    return telling ? [{ repo, number, telling }] : [];
  });
  const names = new Map([...heard.names].map(([repo, { fullName }]) => [repo, fullName.toLowerCase()]));
  return {
    names,
    deployments: present.flatMap(({ repo, number, telling }): TrueDeployment[] => {
      const { status, event, at, deployTo, branch, message, commit, committedAt } = telling;
      if (event === 'pull_request' || (status !== 'success' && status !== 'failure')) return [];
      return [
        {
          repo,
          number,
          series: names.get(repo) ?? '',
          tier: tierOf(policy, names.get(repo) ?? '', deployTo),
          at,
          outcome: status,
          isRework: branch === 'hotfix/1' || message.startsWith('Revert'),
          commit,
          reportedCommitTime: committedAt,
        },
      ];
    }),
    pipelines: present.map(({ repo, telling: { commit, createdAt } }) => ({ repo, commit, createdAt })),
    forge: told.asksForge ? { graph, answers: told.answers } : null,
    fallback: told.fallback,
    knownSince: told.knownSince,
    countsBeyond: told.countsBeyond,
  };
}
