# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# advice.rb - what to install, as far as names can tell.

module Apppool
  module Advice
    module_function

    # '' where nothing is missing.
    def for(error)
      error = error.cause until error.nil? || missing?(error)
      return '' unless error
      return "#{bundler}\n\n" unless error.is_a?(LoadError)
      name = error.path.split('/').first
      "The Ruby library #{name} is not installed. #{install(name)}\n\n"
    end

    # A path that is no name of a library is the application's own affair.
    def missing?(error)
      return true if error.class.name.start_with?('Bundler::')
      error.is_a?(LoadError) && error.path.to_s.match?(/\A[a-z0-9]/i) &&
        !Dir.exist?(File.join('lib', error.path.split('/').first))
    end

    def bundler
      "The gems of #{ENV['BUNDLE_GEMFILE']} are not all installed. In " \
        "#{Dir.pwd} run: bundle install"
    end

    def install(name)
      if ENV['BUNDLE_GEMFILE'] && name != 'bundler'
        return "Add it to #{ENV['BUNDLE_GEMFILE']} and run: bundle install"
      end
      "#{debian("ruby-#{name.downcase.tr('_', '-')}")}" \
        "From RubyGems: gem install #{name}, or a Gemfile."
    end

    def debian(package)
      return '' unless File.exist?('/etc/debian_version')
      "On this system it may be in the package #{package} (apt install " \
        "#{package}). "
    end
  end
end
