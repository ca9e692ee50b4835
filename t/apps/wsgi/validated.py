# SPDX-License-Identifier: Apache-2.0
"""validated.py - the same application under wsgiref's validator."""

from wsgiref.validate import validator

import wsgi

application = validator(wsgi.application)
