# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# config.ru - what a test needs an application to do, one path each; the same
# as in t/apps/wsgi/wsgi.py. Where a path takes an argument it is the whole
# query string.

require_relative 'answers'

run Answers.new
