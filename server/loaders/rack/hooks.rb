# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# hooks.rb - what an application has called in each new process: under our name,
# and under the one that applications and libraries know from Passenger.

module Apppool
  class << self
    # Registers what has to be done in each process forked from a preloader.
    def after_fork(&block)
      after_fork_hooks << block
    end

    def after_fork_hooks
      @after_fork_hooks ||= []
    end

    # In a new serving process: slot is nil in one that was not forked.
    def run_start_hooks(slot)
      after_fork_hooks.each { |hook| hook.call(slot) } if slot
      PhusionPassenger.call_event(:starting_worker_process, !slot.nil?)
    end
  end
end

# What applications and libraries that know Passenger call in their start-up.
module PhusionPassenger
  EVENTS = Hash.new { |events, name| events[name] = [] }

  def self.on_event(name, &block)
    EVENTS[name] << block
  end

  def self.call_event(name, *arguments)
    EVENTS[name].each { |block| block.call(*arguments) }
  end
end
