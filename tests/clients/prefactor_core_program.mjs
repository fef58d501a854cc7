// What a user of the TypeScript SDK writes. URL and token as arguments.
import { createConfig, createCore, SpanContext } from '@prefactor/core';

const [apiUrl, apiToken] = process.argv.slice(2);
const agent = { agentId: 'ts-user', agentIdentifier: '1.0.0', agentName: 'ts user' };
const core = createCore(createConfig({ transportType: 'http', httpConfig: { apiUrl, apiToken, ...agent } }));
core.agentManager.registerSchema({
  external_identifier: 'v1',
  span_schemas: { 'my:llm': { type: 'object' }, 'agent:tool': { type: 'object' } },
});
core.agentManager.startInstance(agent);
const outer = core.tracer.startSpan({ name: 'think', spanType: 'my:llm', inputs: { prompt: 'Hello' } });
await SpanContext.runAsync(outer, async () => {
  const within = { parentSpanId: outer.spanId, traceId: outer.traceId };
  const good = core.tracer.startSpan({ name: 'search', spanType: 'agent:tool', inputs: { q: 1 }, ...within });
  core.tracer.endSpan(good, { outputs: { hits: 3 } });
  const bad = core.tracer.startSpan({ name: 'search', spanType: 'agent:tool', inputs: { q: 2 }, ...within });
  core.tracer.endSpan(bad, { error: new TypeError('no such thing') });
});
const tokenUsage = { promptTokens: 3, completionTokens: 2, totalTokens: 5 };
core.tracer.endSpan(outer, { outputs: { response: 'Hi' }, tokenUsage });
core.agentManager.finishInstance();
await core.shutdown();
