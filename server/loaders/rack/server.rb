# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# server.rb - runs the application in N threads until SIGTERM or the pool's end.
#
# How a request runs: each worker thread (--threads) takes from Waiter the next
# connection that has something to read, reads one request from it, and Response
# sends what the application answers: three system calls with one thread. The
# main thread looks after signals and the pool's end only, so that a backtrace
# can be had whatever the application is doing.

module Apppool
  class Server
    # For a request that runs when the pool is gone; the pool gives as much.
    LAST_REQUEST_S = 5

    def initialize(application, listener, report, threads)
      @application = application
      @report = report
      @threads = threads
      @pid = Process.pid
      @environment = Environment.new(threads > 1)
      @stop_r, @stop_w = IO.pipe
      @waiter = Waiter.new(listener, @stop_r, threads > 1)
    end

    def run
      take_signals
      workers = Array.new(@threads) do |number|
        Thread.new { work }.tap { |thread| thread.name = "request-#{number}" }
      end
      yield
      watch
      workers.each(&:join)
      @waiter.close
    end

    private

    # A process that the application forks has the handler too, but it must
    # not end the server that it comes from.
    def take_signals
      trap('TERM') do
        if Process.pid == @pid
          @stop_w.write_nonblock('!', exception: false)
        else
          trap('TERM', 'DEFAULT')
          Process.kill('TERM', Process.pid)
        end
      end
    end

    # Until the end of the pool or of this process; every thread sees the byte
    # in the pipe, nobody takes it out.
    def watch
      until IO.select([@stop_r, @report.io]).first.include?(@stop_r)
        if @report.hung_up?
          @stop_w.write('!')
        else
          IO.select([@stop_r], nil, nil, 0.05)
        end
      end
      @stopping = true
      Thread.new { leave_in_time }
    end

    # What does not end the pool ends; when that is gone, nobody would.
    def leave_in_time
      sleep 0.5 until @report.hung_up?
      sleep LAST_REQUEST_S
      Process.exit!(1)
    end

    def work
      while !@stopping && (connection = @waiter.take)
        attend(connection)
      end
    ensure
      # Whatever ended this thread (Thread.exit in a request): the process
      # ends after it, and the pool makes a new one.
      @stop_w.write_nonblock('!', exception: false)
    end

    def attend(connection)
      if connection.skip.positive?
        return connection.close unless connection.drop_some
      else
        return connection.close unless serve(connection)
      end
      leave(connection)
    end

    # False when there was nothing to serve.
    def serve(connection)
      loop do
        env, input = connection.read_request
        return false unless env
        serve_request(connection, env, input)
        return true unless connection.rest? && connection.keep
      end
    rescue BadRequest => e
      Apppool.log("rack_loader: connection closed: #{e.message}\n")
      false
    rescue Gone
      false
    end

    def serve_request(connection, env, input)
      connection.keep = env['APPPOOL_KEEPALIVE'] == '1'
      @environment.complete(env, input)
      response = Response.new(connection, env['REQUEST_METHOD'])
      run_application(env, response)
    rescue Exception => e # rubocop:disable Lint/RescueException
      on_exception(e, connection, env, response)
    ensure
      connection.skip = input.finish if input.is_a?(SpooledBody)
      connection.keep = false if connection.broken
    end

    def run_application(env, response)
      # Both are the server's, whatever the application does to its hash.
      finished = env['rack.response_finished']
      after_reply = env['rack.after_reply']
      status, headers, body = @application.call(env)
      begin
        response.send(status, headers, body)
      ensure
        body.close if body.respond_to?(:close)
      end
    rescue Exception => error # rubocop:disable Lint/RescueException
      raise
    ensure
      finished.reverse_each { |call| call.call(env, status, headers, error) }
      after_reply.each(&:call)
    end

    def on_exception(error, connection, env, response)
      # A fork of the application's: not its answer.
      exit!(1) unless Process.pid == @pid
      return if connection.broken       # a client that left is no news
      Apppool.log("rack_loader: #{env['REQUEST_METHOD']} " \
                  "#{env['REQUEST_URI'].inspect}: the application raised\n" +
                  Apppool.explain(error))
      return if response.ended          # raised by close, all has been sent
      return connection.keep = false if response.begun
      response.send_error
    rescue Gone
      nil
    end

    # Done with it for now: back to waiting, or away with it.
    def leave(connection)
      connection.keep = false if @stopping || connection.broken
      unless connection.keep
        if connection.skip.zero? || connection.broken
          return connection.close
        end
        # Unread data at close would be a reset for the other side.
        connection.finish_sending
      end
      @waiter.give(connection)
    end
  end
end
