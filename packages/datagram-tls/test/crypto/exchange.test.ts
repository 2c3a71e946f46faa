import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DEFAULT_GROUPS, groupByCode, groupFits, shareLength } from '#lib/crypto/groups.js';
import { nodeProvider } from '#lib/crypto/node.js';
import { Group, type GroupName } from '#lib/wire/codes.js';

const SECRET_LENGTH: Readonly<Record<GroupName, number>> = {
  X25519MLKEM768: 64,
  x25519: 32,
  secp256r1: 32,
  secp384r1: 48,
  secp521r1: 66,
};

suite('key exchange', () => {
  for (const group of Object.keys(Group) as GroupName[]) {
    test(`both sides of ${group} derive the same secret`, () => {
      const client = nodeProvider.startKeyExchange(group);
      assert.equal(client.group, group);
      assert.equal(client.share.length, shareLength(group, 'client'));
      const answer = nodeProvider.answerKeyExchange(group, client.share);
      assert.ok(answer);
      assert.equal(answer.share.length, shareLength(group, 'server'));
      const secret = client.finish(answer.share);
      assert.deepEqual(secret, answer.secret);
      assert.equal(secret.length, SECRET_LENGTH[group]);
    });

    test(`no two exchanges of ${group} have the same share`, () => {
      const shares = [0, 1].map(() => nodeProvider.startKeyExchange(group).share);
      assert.notDeepEqual(shares[0], shares[1]);
    });

    test(`a share of ${group} of the wrong length is refused`, () => {
      const exchange = nodeProvider.startKeyExchange(group);
      const answer = nodeProvider.answerKeyExchange(group, exchange.share);
      assert.ok(answer);
      for (const wrong of wrongLengths(answer.share)) assert.equal(exchange.finish(wrong), undefined);
      for (const wrong of wrongLengths(exchange.share)) {
        assert.equal(nodeProvider.answerKeyExchange(group, wrong), undefined);
      }
    });

    test(`a share of ${group} without a valid public value is refused`, () => {
      const exchange = nodeProvider.startKeyExchange(group);
      assert.equal(exchange.finish(new Uint8Array(shareLength(group, 'server'))), undefined);
      const zeros = new Uint8Array(shareLength(group, 'client'));
      assert.equal(nodeProvider.answerKeyExchange(group, zeros), undefined);
    });

    test(`${group} is found by its code`, () => {
      assert.equal(groupByCode(Group[group]), group);
    });
  }

  for (const group of ['secp256r1', 'secp384r1', 'secp521r1'] as const) {
    test(`a compressed point and one off the curve are refused by ${group}`, () => {
      const { share } = nodeProvider.startKeyExchange(group);
      const exchange = nodeProvider.startKeyExchange(group);
      const off = share.slice();
      off[off.length - 1] = (off[off.length - 1] ?? 0) ^ 1;
      const compressed = share.slice(0, 1 + (share.length - 1) / 2);
      compressed[0] = 2 + ((share[share.length - 1] ?? 0) & 1);
      const hybrid = share.slice();
      hybrid[0] = 6 + ((share[share.length - 1] ?? 0) & 1);
      for (const wrong of [off, compressed, hybrid]) assert.equal(exchange.finish(wrong), undefined);
    });
  }

  test('the hybrid share is the ML-KEM key and then the X25519 key', () => {
    const client = nodeProvider.startKeyExchange('X25519MLKEM768');
    const answer = nodeProvider.answerKeyExchange('X25519MLKEM768', client.share);
    assert.ok(answer);
    const other = nodeProvider.startKeyExchange('x25519');
    const swapped = answer.share.slice();
    swapped.set(other.share, 1088);
    const secret = client.finish(swapped);
    assert.ok(secret);
    assert.deepEqual(secret.slice(0, 32), answer.secret.slice(0, 32));
    assert.notDeepEqual(secret.slice(32), answer.secret.slice(32));
  });

  test('an encapsulation key with a coefficient out of range is refused', () => {
    const { share } = nodeProvider.startKeyExchange('X25519MLKEM768');
    const invalid = share.slice();
    invalid.fill(0xff, 0, 3);
    assert.equal(nodeProvider.answerKeyExchange('X25519MLKEM768', invalid), undefined);
  });

  test('an X25519 half with an all-zero secret makes the hybrid fail', () => {
    const client = nodeProvider.startKeyExchange('X25519MLKEM768');
    assert.equal(nodeProvider.answerKeyExchange('X25519MLKEM768', zeroed(client.share, 1184)), undefined);
    const answer = nodeProvider.answerKeyExchange('X25519MLKEM768', client.share);
    assert.ok(answer);
    assert.equal(client.finish(zeroed(answer.share, 1088)), undefined);
  });

  test('the hybrid is the first default group and exists in 1.3 only', () => {
    assert.equal(DEFAULT_GROUPS[0], 'X25519MLKEM768');
    assert.equal(groupFits('X25519MLKEM768', 'DTLSv1.2'), false);
    for (const group of DEFAULT_GROUPS) assert.equal(groupFits(group, 'DTLSv1.3'), true);
    assert.equal(groupByCode(0x0100), undefined);
  });
});

function wrongLengths(share: Uint8Array): Uint8Array[] {
  return [
    share.slice(0, 0),
    share.slice(0, 1),
    share.slice(1),
    share.slice(0, -1),
    Uint8Array.of(...share, 0),
  ];
}

function zeroed(share: Uint8Array, from: number): Uint8Array {
  return share.slice().fill(0, from);
}
