// SPDX-License-Identifier: Apache-2.0
//
// log.cjs - the log, which is standard error.

'use strict';

const fs = require('fs');

function log(text) {
    try {
        fs.writeSync(2, text);
    } catch {
        // Nobody reads it any more.
    }
}

module.exports = { log };
