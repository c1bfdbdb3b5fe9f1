import type { Figures } from "../figures.ts";
import { massTable } from "./mass_table.ts";
import { metricTables } from "./metric_tables.ts";
import { pythonTables } from "./python_tables.ts";
import { shareTables } from "./share_tables.ts";
import { speedTables } from "./speed_tables.ts";
import type { Table } from "./table.ts";

/** Every table of a run, in the order in which it is told. */
export function allTables(figures: Figures): Table[] {
  return [
    ...shareTables(figures),
    massTable(figures),
    ...metricTables(figures),
    ...speedTables(figures),
    ...(figures.python === null ? [] : pythonTables(figures.python)),
  ];
}
