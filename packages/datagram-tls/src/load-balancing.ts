export type { BalancerOptions, LoadBalancedOptions } from './load-balancing/configuration.js';
export {
  loadBalancedConnectionIds,
  type RoutableConnectionIds,
} from './load-balancing/connection-ids.js';
export { type ServerIdReading, serverIdReader } from './load-balancing/server-id-reader.js';
