# SPDX-License-Identifier: Apache-2.0
"""The Shelf: a guest book and a shelf for files. The pool's demonstration.

An ordinary WSGI application: nothing in it knows which server runs it. Its
data lie in the folder data/ beside this file.
"""

import os

from shelf.web import Shelf

application = Shelf(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                 "data"))
