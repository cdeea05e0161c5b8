/** Connects the HTTP app with the figures, queries and sources that it needs, under one policy. */

import type { Policy } from './core/policy.ts';
import { createProjection, type Projection } from './core/series/samples.ts';
import type { AppDependencies } from './http/app.ts';
import type { Ingest } from './ingest/ingest.ts';
import { judgedInTime } from './ingest/judge-due.ts';
import { createExposition } from './metrics/exposition.ts';
import type { SelfMetrics } from './metrics/self-metrics.ts';
import type { Status } from './pages/status.ts';
import { createExplain } from './queries/explain.ts';
import { createFigureHistory } from './queries/figure-history.ts';
import { createListIncidents } from './queries/incidents.ts';
import { createMoments } from './queries/moment-cache.ts';
import { createOverview } from './queries/overview.ts';
import type { EventResult, Source } from './sources/event-labels.ts';
import { createIncidents } from './sources/incidents.ts';
import { createWebhook } from './sources/webhook.ts';
import { createEventLoopYield, nowSeconds } from './util/clock.ts';

/** The parts of the HTTP app that do not depend on the policy. */
export interface AppParts
  extends Omit<AppDependencies, 'webhook' | 'incidents' | 'exposition' | 'api' | 'status'> {
  readonly ingest: Ingest;
  readonly woodpeckerUrl: string | null;
  readonly renderSelf: SelfMetrics<Source, EventResult>['render'];
  readonly status: (projection: Projection) => Promise<Status>;
}

/** The dependencies of the HTTP app under a policy. */
export function connectApp(parts: AppParts, policy: Policy): AppDependencies {
  const { ingest, woodpeckerUrl, renderSelf, ...rest } = parts;
  const { clock, onEvent } = rest;
  const { state } = ingest;
  const now = () => nowSeconds(clock);
  const projection = judgedInTime(createProjection(state, policy), ingest);
  const history = createFigureHistory(ingest);
  const listIncidents = createListIncidents(ingest);
  const moments = createMoments({ ingest, policy, projection, now });
  return {
    ...rest,
    webhook: createWebhook({ ingest, clock, onEvent }),
    incidents: createIncidents({ ingest, clock, onEvent }),
    exposition: createExposition({
      projection,
      policy,
      renderSelf,
      now,
      yieldToEventLoop: createEventLoopYield(),
    }),
    status: () => rest.status(projection),
    api: {
      projection,
      explain: createExplain({ ingest, woodpeckerUrl }),
      history,
      overview: createOverview({ ingest, policy, moments, history, listIncidents, woodpeckerUrl }),
      pastFigures: moments.past,
      listIncidents,
      policy,
      nowSeconds: now,
      stateVersion: () => state.version,
    },
  };
}
