import { describe, expect, it } from 'vitest';
import { type IncidentRule, labelsToKeep, placeOfAlert } from '../../../src/core/failures/incident-rules.ts';

const rules: readonly IncidentRule[] = [
  {
    labels: { namespace: ['shop'], severity: ['critical', 'page'] },
    repo: 'acme/shop',
    tier: 'production',
  },
  { labels: { severity: ['crit*'] }, repo: 'acme/{{ service }}-{{env}}', tier: 'staging' },
  { labels: { team: ['web'] }, repo: 'acme/web', tier: 'production' },
];

describe('an alert', () => {
  it('belongs to the repo and tier in its own labels, before any rule', () => {
    const labels = { dora_repo: 'acme/api', dora_tier: 'staging', namespace: 'shop', severity: 'page' };
    expect(placeOfAlert(labels, rules)).toEqual({ repo: 'acme/api', tier: 'staging' });
    expect(placeOfAlert(labels, [])).toEqual({ repo: 'acme/api', tier: 'staging' });
  });

  it('needs both of its own labels', () => {
    expect(placeOfAlert({ dora_repo: 'acme/api' }, rules)).toBe('no_rule');
    expect(placeOfAlert({ dora_repo: 'acme/api', dora_tier: '' }, rules)).toBe('no_rule');
    expect(placeOfAlert({ dora_repo: 'acme/api', team: 'web' }, rules)).toEqual({
      repo: 'acme/web',
      tier: 'production',
    });
  });

  it('belongs to the repo and tier of the first rule whose labels all match', () => {
    const shop = { repo: 'acme/shop', tier: 'production' };
    expect(placeOfAlert({ namespace: 'shop', severity: 'page' }, rules)).toEqual(shop);
    expect(placeOfAlert({ namespace: 'shop', severity: 'info' }, rules)).toBe('no_rule');
    expect(placeOfAlert({ severity: 'page' }, rules)).toBe('no_rule');
  });

  it('fills its labels into a name, and goes on to the next rule if a label is missing', () => {
    const labels = { severity: 'critical', service: 'api', env: 'eu' };
    expect(placeOfAlert(labels, rules)).toEqual({ repo: 'acme/api-eu', tier: 'staging' });
    expect(placeOfAlert({ severity: 'critical', service: 'api', team: 'web' }, rules)).toEqual({
      repo: 'acme/web',
      tier: 'production',
    });
  });

  it('is ignored, if it is one of our own', () => {
    const place = { dora_repo: 'acme/api', dora_tier: 'staging' };
    expect(placeOfAlert({ ...place, dora_own: 'true' }, rules)).toBe('own_alert');
    expect(placeOfAlert({ ...place, dora_own: '' }, rules)).toBe('own_alert');
    expect(placeOfAlert({ ...place, alertname: 'DoraDeploymentFailing' }, rules)).toBe('own_alert');
    expect(placeOfAlert({ ...place, alertname: 'PandoraDown' }, rules)).toEqual({
      repo: 'acme/api',
      tier: 'staging',
    });
  });

  it('has only the labels that it was sent with, and none that JavaScript objects inherit', () => {
    const anyConstructor: IncidentRule = { labels: { constructor: ['*'] }, repo: 'a/b', tier: 'production' };
    expect(placeOfAlert({}, [anyConstructor])).toBe('no_rule');
    expect(placeOfAlert({}, [{ labels: {}, repo: 'a/{{toString}}', tier: 'production' }])).toBe('no_rule');
  });
});

describe('the labels kept of an alert', () => {
  it('are all of them, up to four kilobytes', () => {
    const labels = { alertname: 'Down', namespace: 'shop' };
    expect(labelsToKeep(labels)).toEqual(labels);
  });

  it('are its repo and tier and the shortest ones, if there are more', () => {
    const long = 'é'.repeat(1500);
    const labels = { b: `${long}x`, a: long, dora_tier: 'production', dora_repo: 'acme/shop', c: 'short' };
    const { b: _, ...kept } = labels;
    expect(labelsToKeep(labels)).toEqual(kept);
    expect(labelsToKeep({ huge: 'x'.repeat(5000) })).toEqual({});
  });
});
