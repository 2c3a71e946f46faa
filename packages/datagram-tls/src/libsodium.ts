export { createSodium } from './crypto/sodium.js';
