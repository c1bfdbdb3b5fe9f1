/**
 * What a person looks at: traces with their planning tokens, as text and as pages.
 *
 * @module
 */
export type { GramKind } from "../sg/mod.ts";
export {
  type AdvantageShift,
  type Trace,
  type TracedTokens,
  type TraceOptions,
  traceRollouts,
  type TraceSegment,
} from "./trace.ts";
export { traceAnsi, type TraceAnsiOptions, traceLegendAnsi } from "./trace_ansi.ts";
export {
  traceControlsHtml,
  traceHtml,
  type TraceHtmlOptions,
  tracesPage,
  type TracesPageOptions,
  traceStyles,
} from "./trace_html.ts";
