import type { Attack } from './attack.js';
import { crowds } from './crowds.js';
import { floods } from './floods.js';
import { forgeries } from './forgeries.js';
import { peers } from './peers.js';
import { storms } from './storms.js';

export const attacks: readonly Attack[] = [...floods, ...storms, ...forgeries, ...crowds, ...peers];
