import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Timers } from '#lib/connection/timers.js';

suite('the timers of a connection', () => {
  test('the next timer is the earliest, also at 0', () => {
    const timers = new Timers();
    assert.equal(timers.next(), undefined);
    timers.set('handshake', 50);
    timers.set('retransmit', 0);
    assert.equal(timers.next(), 0);
  });

  test('each timer fires once, when its time has come', () => {
    const timers = new Timers();
    timers.set('retransmit', 10);
    timers.set('close', 20);
    assert.equal(timers.takeDue(9), undefined);
    assert.equal(timers.takeDue(10), 'retransmit');
    assert.equal(timers.takeDue(15), undefined);
    assert.equal(timers.takeDue(100), 'close');
    assert.equal(timers.takeDue(100), undefined);
    assert.equal(timers.next(), undefined);
  });

  test('no timer can be set after the end', () => {
    const timers = new Timers();
    timers.set('close', 10);
    timers.end();
    timers.set('retransmit', 20);
    assert.equal(timers.next(), undefined);
    assert.equal(timers.has('retransmit'), false);
    assert.equal(timers.takeDue(100), undefined);
  });

  test('setting a timer again moves it, stopping removes it', () => {
    const timers = new Timers();
    timers.set('retransmit', 10);
    timers.set('retransmit', 30);
    assert.equal(timers.takeDue(20), undefined);
    timers.set('close', 40);
    timers.stop('retransmit');
    assert.equal(timers.next(), 40);
    timers.stopAll();
    assert.equal(timers.next(), undefined);
  });
});
