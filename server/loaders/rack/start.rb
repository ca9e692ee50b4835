# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# start.rb - from the command line to the end of the process.

module Apppool
  class Main
    def initialize(words)
      # Whoever calls us is the pool, nobody else.
      @options = words.each_slice(2).to_h
      @startup_file = @options.fetch('--startup-file')
      @report = Report.new(@options.fetch('--report').to_i)
      @threads = @options.fetch('--threads', '1').to_i
    end

    def run
      prepare_interpreter
      application = load_application
      listeners = open_listeners
      take_signals
      slot = nil
      if @options['--mode'] == 'preload'
        name_process('rack preload')
        slot = Preloader.new(listeners, @report).run or return
      end
      name_process('rack')
      Apppool.run_start_hooks(slot)
      Server.new(application, listeners[slot || 0], @report, @threads)
            .run { @report.ready(slot) }
      PhusionPassenger.call_event(:stopping_worker_process)
    end

    private

    # Makes it look as if Ruby had been started for the application. As under
    # any server of Rack's, the startup file is not the program itself: what is
    # both starts a server of its own (Sinatra, when the process ends).
    def prepare_interpreter
      listen_descriptors.each { |fd| io_of(fd).close_on_exec = true }
      $PROGRAM_NAME = title_of('rack')
      ARGV.clear
      $stdout.sync = true
      base_uri = @options['--base-uri'].to_s
      ENV['RAILS_RELATIVE_URL_ROOT'] ||= base_uri unless base_uri.empty?
      # Locks cannot be taken in a handler, in a thread they can.
      trap('ABRT') { Thread.new { Apppool.log_threads } }
    end

    def listen_descriptors
      first = @options.fetch('--listen').to_i
      first...(first + @options.fetch('--listeners').to_i)
    end

    def io_of(descriptor)
      IO.for_fd(descriptor, autoclose: false)
    end

    def open_listeners
      listen_descriptors.map { |fd| UNIXServer.for_fd(fd) }
    end

    def load_application
      Application.load(@startup_file)
    rescue Exception => e # rubocop:disable Lint/RescueException
      @report.error(why_not_loaded(e))
      exit!(1)
    end

    def why_not_loaded(error)
      what = error.is_a?(SystemExit) ? 'called exit' : 'could not be loaded'
      "#{@startup_file} #{what}.\n#{Advice.for(error)}".b <<
        Apppool.explain(error)
    end

    # By handlers, not IGNORE: the application's programs would inherit that.
    # After loading, which may have changed them.
    def take_signals
      %w[INT HUP PIPE].each { |name| trap(name) { nil } }
      trap('TERM') { exit }
    end

    def name_process(kind)
      File.write('/proc/self/comm', title_of(kind).byteslice(0, 15))
    rescue SystemCallError
      nil
    end

    def title_of(kind)
      "#{kind}: #{File.basename(Dir.pwd)}"
    end
  end
end
