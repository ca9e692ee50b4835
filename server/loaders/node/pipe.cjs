// SPDX-License-Identifier: Apache-2.0
//
// pipe.cjs - handles of sockets, below what `net` offers.

'use strict';

// null where there are none any more.
function pipeBinding() {
    try {
        return process.binding('pipe_wrap');
    } catch {
        return null;
    }
}

module.exports = { pipeBinding };
