// An agent of the Vercel AI SDK with a model that needs no network. Sends its spans as the environment says.
import { generateText, tool, stepCountIs } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import { z } from 'zod';
import { NodeTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'vercel-ai' }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();

const usage = {
  inputTokens: { total: 5, noCache: 5, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 2, text: 2, reasoning: 0 },
};
const answers = [
  { content: [{ type: 'tool-call', toolCallId: 'c1', toolName: 'weather', input: '{"city":"Oslo"}' }],
    finishReason: { unified: 'tool-calls', raw: 'tool_calls' }, usage, warnings: [] },
  { content: [{ type: 'text', text: 'sunny' }], finishReason: { unified: 'stop', raw: 'stop' }, usage, warnings: [] },
];
const model = new MockLanguageModelV3({ doGenerate: async () => answers.shift() });
await generateText({
  model,
  prompt: 'weather in Oslo?',
  tools: { weather: tool({ description: 'The weather of a city.', inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `sunny in ${city}` }) },
  stopWhen: stepCountIs(3),
  experimental_telemetry: { isEnabled: true },
});
await provider.shutdown();
