# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# lint.ru - the same application under Rack's own lint.

require 'uri'      # Rack 2's lint forgets it
require 'rack/lint'
require_relative 'answers'

use Rack::Lint
run Answers.new
