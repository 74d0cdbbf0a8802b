// The form of a dashboard, from the types that Grafana publishes. A test assigns each dashboard to it.

import type {
  AnnotationQuery, Dashboard, DataQuery, Panel, RowPanel, VariableModel,
} from '@grafana/schema';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON has the values of enumerations, not their names.
type Json<T> = unknown extends T ? unknown
  : T extends string ? `${T}`
  : T extends (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

// What the plugin of Prometheus adds, which has no types of its own in the package.
interface Target extends DataQuery {
  expr: string;
  legendFormat: string;
  editorMode: 'code' | 'builder';
  format: 'time_series' | 'table' | 'heatmap';
  range: boolean;
  instant: boolean;
  exemplar: boolean;
}
interface Event extends AnnotationQuery {
  target: DataQuery & { expr: string; interval: string };
  titleFormat: string;
  textFormat: string;
}

type Of<Type extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Type;
  options: Options;
  fieldConfig: {
    defaults: Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'> & { custom?: Custom };
    overrides: NonNullable<Panel['fieldConfig']>['overrides'];
  };
  targets: Target[];
};
type Shown =
  | Of<'timeseries', timeseries.Options, timeseries.FieldConfig>
  | Of<'stat', Partial<stat.Options>, {}>
  | Of<'table', table.Options, Partial<table.FieldConfig>>
  | Of<'heatmap', heatmap.Options, heatmap.FieldConfig>;
type Row = Omit<RowPanel, 'panels'> & { panels: Shown[] };

export type Checked = Json<
  Omit<Dashboard, 'annotations' | 'panels' | 'templating'> & {
    annotations: { list: Event[] };
    templating: { list: VariableModel[] };
    panels: (Shown | Row)[];
  }
>;
