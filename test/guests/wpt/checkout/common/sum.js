'use strict';

const zero = 0;
function sum(a, b) {
  return a + b + zero;
}
