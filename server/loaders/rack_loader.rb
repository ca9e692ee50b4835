# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# rack_loader.rb - runs a Rack application (Rack 2 or 3) for the pool.
#
# What the pool expects of a loader (command line, report socket, requests,
# signals) is in the README beside this file. Ruby 2.7 or later, standard
# library only; Rack itself comes with the application: from its Gemfile where
# the root has one, else from the installed gems.
#
# Fork hook (smart spawning), for config.ru or what it loads. It runs in each
# new serving process before its first request:
#
#     Apppool.after_fork { |slot| Cache.reconnect } if defined?(Apppool)
#
# Passenger's name for it, which libraries know, works as well:
#
#     PhusionPassenger.on_event(:starting_worker_process) { |forked| ... }
#
# and so does :stopping_worker_process; hooks on Process._fork (Ruby 3.1) run,
# too. Random numbers are seeded anew without being asked. ActiveRecord (Rails
# 5.2 and later) drops inherited connections by itself. Threads, connections and
# files that loading left open are warned of in the log.

# Not by require: no application finds them in $LOADED_FEATURES.
%w[log hooks report connection input environment response stream waiter server
   application leftovers preloader advice start].each do |part|
  load File.expand_path("../rack/#{part}.rb", __FILE__)
end

Apppool::Main.new(ARGV).run
