/**
 * What the pages rely on is what the server promises: each shape of types.ts must accept what the server's description
 * (schema.d.ts, made from the server's code) says it sends. A change on either side that breaks this does not compile.
 */
import type { components } from './schema'
import type * as pages from './types'

type Server = components['schemas']
/** Compiles only where everything that the server may send is acceptable to the page. */
type Accepts<Page, Sent extends Page> = [Page, Sent]

export type Promises = [
  Accepts<pages.Me, Server['Me']>,
  Accepts<pages.About, Server['About']>,
  Accepts<pages.DeviceState, Server['DeviceStateOut']>,
  Accepts<pages.DeviceFull, Server['DeviceOut']>,
  Accepts<pages.DeviceSummary, Server['SummaryOut']>,
  Accepts<pages.DistrictDevices, Server['DistrictOut']>,
  Accepts<pages.DeviceModel, Server['ModelOut']>,
  Accepts<pages.DeviceCredential, Server['CredentialOut']>,
  Accepts<pages.DeviceCommand, Server['CommandOut']>,
  Accepts<pages.DeviceImport, Server['ImportOut']>,
  Accepts<pages.AlarmRow, Server['AlarmOut']>,
  Accepts<pages.AlarmDetail, Server['AlarmDetail']>,
  Accepts<pages.AlarmSummary, Server['AlarmSummary']>,
  Accepts<pages.AlarmEvent, Server['AlarmEventOut']>,
  Accepts<pages.AlarmStorm, Server['StormOut']>,
  Accepts<pages.AlarmRuleFull, Server['RuleOut']>,
  Accepts<pages.TelemetryHistory, Server['HistoryOut']>,
  Accepts<pages.DeadLetter, Server['DeadLetterOut']>,
  Accepts<pages.CaseFull, Server['Case']>,
  Accepts<pages.CaseEvent, Server['TimelineEvent']>,
  Accepts<pages.CaseFigures, Server['CaseFigures']>,
  Accepts<pages.UnitSuggestion, Server['UnitSuggestion']>,
  Accepts<pages.MapLayer, Server['LayerOut']>,
  Accepts<pages.Organisation, Server['OrganisationOut']>,
  Accepts<pages.UserRow, Server['UserOut']>,
  Accepts<pages.Role, Server['RoleOut']>,
  Accepts<pages.Permission, Server['PermissionOut']>,
  Accepts<pages.ApiKey, Server['KeyOut']>,
  Accepts<pages.AuditLine, Server['AuditOut']>,
  Accepts<pages.Pack, Server['PackOut']>,
  Accepts<pages.PackDetail, Server['PackDetail']>,
  Accepts<pages.PackFinding, Server['FindingOut']>,
  Accepts<pages.PackCheck, Server['CheckOut']>,
]
