# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# preloader.rb - holds the loaded application and forks serving processes from
# it.

module Apppool
  class Preloader
    def initialize(listeners, report)
      @listeners = listeners
      @report = report
    end

    # Forks on demand. Returns the slot in each new serving process, nil in the
    # preloader itself once the pool is gone.
    def run
      Leftovers.new([@report.io, *@listeners].map(&:fileno)).warn
      settle_memory
      @report.ready
      while (message = @report.receive)
        slot = message[/\AFORK (\d{1,4})\z/, 1]&.to_i
        if slot.nil? || slot >= @listeners.size
          Apppool.log("rack_loader: unknown message #{message.inspect}\n")
        elsif fork_server(slot)
          return slot
        end
      end
    end

    private

    # Old objects are not written to by the collector: they stay shared.
    def settle_memory
      return Process.warmup if Process.respond_to?(:warmup)
      4.times { GC.start }
    end

    # True in the new process.
    def fork_server(slot)
      $stdout.flush
      $stderr.flush
      middle = fork
      return fork_again(slot) unless middle
      Process.wait(middle)
      false
    rescue Errno::ECHILD
      false     # the application ignores SIGCHLD
    rescue SystemCallError => e
      @report.failed(slot, e.message)
      false
    end

    # In the middle process: it ends, its child is nobody's here.
    def fork_again(slot)
      begin
        Process.setsid
        exit!(0) if fork
      rescue SystemCallError => e
        @report.failed(slot, e.message)
        exit!(1)
      end
      become_server(slot)
    end

    def become_server(slot)
      @listeners.each_with_index do |listener, number|
        listener.close if number != slot
      end
      srand
      true
    end
  end
end
