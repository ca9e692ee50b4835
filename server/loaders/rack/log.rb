# SPDX-License-Identifier: Apache-2.0
# frozen_string_literal: true

# log.rb - the log, and what is said there of exceptions and threads.

module Apppool
  # What the names of all our files begin with.
  LOADERS = "#{File.expand_path('../..', __FILE__)}/"

  class << self
    # Writes to the log in one piece, whatever became of $stderr.
    def log(text)
      STDERR.write(text)
    rescue SystemCallError, IOError
      nil
    end

    # An exception as `Class: message`, its backtrace and its causes.
    def explain(error)
      lines = []
      while error
        lines << "#{error.class}: #{error.message}"
        lines.concat(foreign_frames(error).map { |frame| "    #{frame}" })
        error = error.cause
        lines << 'caused by' if error
      end
      lines.map { |line| line.b << "\n" }.join
    end

    # Where each thread is just now (SIGABRT).
    def log_threads
      text = +"rack_loader: backtraces of process #{Process.pid}\n"
      (Thread.list - [Thread.current]).each do |thread|
        text << "Thread #{thread.name || thread.inspect}:\n"
        (thread.backtrace || []).each { |frame| text << "    #{frame}\n" }
      end
      log(text)
    end

    private

    def foreign_frames(error)
      (error.backtrace || []).reject { |frame| frame.start_with?(LOADERS) }
    end
  end
end
