import { suite } from 'node:test';
import { nodeProvider } from '#lib/crypto/node.js';
import { testDigests } from './digests.js';

suite('hashes and MACs', () => testDigests(nodeProvider));
