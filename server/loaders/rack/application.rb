# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# application.rb - loads the application as its own environment (Bundler or not)
# wants it.

module Apppool
  class Application
    def self.load(startup_file)
      gemfile = %w[Gemfile gems.rb].find { |name| File.file?(name) }
      ENV['BUNDLE_GEMFILE'] ||= File.expand_path(gemfile) if gemfile
      require 'bundler/setup' if ENV['BUNDLE_GEMFILE']
      # Not earlier: Bundler decides on the versions of default gems.
      require 'socket'
      require 'stringio'
      require 'tempfile'
      require 'uri' # applications find it under every other server, too
      require 'rack'
      path = File.expand_path(startup_file)
      File.open(path, &:readline) if File.directory?(path) || !File.file?(path)
      # Rack 2 returns [application, options], Rack 3 the application.
      app = Rack::Builder.parse_file(path)
      app.is_a?(Array) ? app.first : app
    end
  end
end
