// What a user of the TypeScript SDK writes. URL and token as arguments.
import { createConfig, createCore, SpanContext } from '@prefactor/core';

const [apiUrl, apiToken] = process.argv.slice(2);
const agent = { agentId: 'ts-user', agentIdentifier: '1.0.0', agentName: 'ts user' };
const core = createCore(createConfig({ transportType: 'http', httpConfig: { apiUrl, apiToken, ...agent } }));
core.agentManager.registerSchema({
  external_identifier: 'v1',
  span_schemas: { 'agent:llm': { type: 'object' }, 'agent:tool': { type: 'object' } },
});
core.agentManager.startInstance(agent);
const outer = core.tracer.startSpan({ name: 'think', spanType: 'agent:llm', inputs: { prompt: 'Hello' } });
await SpanContext.runAsync(outer, async () => {
  const within = { parentSpanId: outer.spanId, traceId: outer.traceId };
  const good = core.tracer.startSpan({ name: 'search', spanType: 'agent:tool', inputs: { q: 1 }, ...within });
  core.tracer.endSpan(good, { outputs: { hits: 3 } });
  const bad = core.tracer.startSpan({ name: 'search', spanType: 'agent:tool', inputs: { q: 2 }, ...within });
  core.tracer.endSpan(bad, { error: new TypeError('no such thing') });
});
core.tracer.endSpan(outer, { outputs: { response: 'Hi' } });
core.agentManager.finishInstance();
await core.shutdown();
