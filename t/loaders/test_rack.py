# SPDX-License-Identifier: Apache-2.0
"""test_rack.py - what only the Rack specification and Ruby know."""

import json
import os
import signal

import pool
import pytest
from conftest import languages


language = languages("rack")


@pytest.fixture
def run(start, folder):
    """Runs a config.ru of this text."""
    def run_text(text, **more):
        with open(os.path.join(folder, "config.ru"), "w") as file:
            file.write(text)
        loader = start(root=folder, **more)
        assert loader.message()[0] == "READY", loader.log()
        return loader
    return run_text


@pytest.mark.parametrize("uri, script, path, expected", [
    ("/a/b?c", "", "/a/b", "/a/b"),
    ("/a%2cb", "", "/a,b", "/a%2cb"),
    ("/a%252Cb", "", "/a%2Cb", "/a%252Cb"),
    ("/a%2Fb%20c", "", "/a%2Fb c", "/a%2Fb%20c"),       # NoDecode
    ("/base/x%20y?q=%20", "/base", "/x y", "/x%20y"),
    ("/old%20place", "", "/new/place", "/new/place"),   # rewritten
    ("/old", "", "/new place/100%", "/new%20place/100%25"),
    ("/old", "", b"/caf\xc3\xa9", "/caf%C3%A9"),
    ("http://localhost/x%20y", "", "/x y", "/x%20y"),
    ("/caf%C3%A9", "", b"/caf\xc3\xa9", "/caf%C3%A9"),
    ("//double", "", "/double", "/double"),
])
def test_path_info_is_not_decoded(client, uri, script, path, expected):
    environ = json.loads(client.get("/echo", extra={
        "REQUEST_URI": uri, "SCRIPT_NAME": script, "PATH_INFO": path}).body)
    assert environ["PATH_INFO"] == expected
    assert environ["REQUEST_URI"] == uri


def test_a_streaming_body_is_called_with_a_stream(client):
    response = client.get("/stream")
    assert (response.body, response.frame) == (b"one two three", b"chunked")
    assert client.get("/stream", "HEAD").body == b""
    assert client.get("/stream", keep=False).body == b"one two three"


def test_calls_after_the_response(client):
    for _ in range(2):
        client.get("/finished")
    assert client.get("/finished").body == b"200 replied 200 replied"


def test_a_bodys_file_may_have_a_shorter_content_length(run, folder):
    path = os.path.join(folder, "data")
    with open(path, "w") as file:
        file.write("0123456789")
    app = run("F = Struct.new(:to_path) { def each; yield 'no'; end }\n"
              "run ->(env) { [200, {'Content-Length' => '3'},"
              " F.new('%s')] }\n" % path)
    client = app.connect()
    for _ in range(2):
        assert client.get("/").body == b"012"


@pytest.mark.parametrize("answer, reason", [
    ("[200, {}, [1]]", "Integer"), ("[200, {}, nil]", "call"),
    ("nil", "status"), ("[:ok, {}, []]", "to_i"), ("[99, {}, []]", "99"),
    ("[200, {'content-length' => 'x'}, []]", "invalid value"),
    ("[200, {}, [nil]]", "bytesize")])
def test_mistakes_are_500_and_say_what_is_wrong(run, answer, reason):
    app = run("run ->(env) { %s }\n" % answer)
    client = app.connect()
    for _ in range(2):
        assert client.get("/").code == 500
    assert reason in app.log()


def test_encodings_of_header_and_body_may_differ(run):
    app = run("run ->(env) { [200, {'x-a' => 'é', 'x-b' => \"\\xff\".b},"
              " ['ü', \"\\xfe\".b, 'ä'.encode('UTF-16LE')]] }\n")
    response = app.connect().get("/")
    assert response.all(b"x-a") == ["é".encode()]
    assert response.all(b"x-b") == [b"\xff"]
    assert response.body == "ü".encode() + b"\xfe" + "ä".encode("utf-16le")


def test_causes_are_logged(run):
    app = run("run ->(env) { begin; raise 'inner'; rescue\n"
              " raise ArgumentError, 'outer'; end }\n")
    app.connect().get("/")
    log = app.log()
    assert "ArgumentError: outer" in log and "RuntimeError: inner" in log
    assert "config.ru:2" in log


def test_a_large_body_can_be_rewound_and_leaves_no_file(app, folder):
    client = app.connect()
    body = os.urandom(300000)
    client.get("/whole", "POST", body)
    client.get("/")         # the one before is over and done with
    before = pool.descriptors(app.process.pid)
    for _ in range(10):
        assert client.get("/whole", "POST", body).body == body
    client.get("/")
    assert pool.descriptors(app.process.pid) == before


def test_fork_hooks_get_their_slot(start):
    loader = start(mode="preload", listeners=2)
    loader.expect("READY")
    for slot in (1, 0):
        loader.fork(slot)
        assert loader.connect(slot).get("/forked").body == b"%d" % slot


@pytest.mark.parametrize("threads", [1, 3])
def test_a_killed_thread_ends_the_process(run, threads):
    app = run("run ->(env) { Thread.exit }\n", threads=threads)
    client = app.connect()
    with pytest.raises((pool.Cut, ConnectionError)):
        client.get("/")
    assert app.process.wait(pool.PATIENCE_S) == 0


def test_exit_handlers_run(run):
    app = run("at_exit { puts 'at exit' }\nrun ->(env) { [200, {}, []] }\n")
    app.connect().get("/")
    assert app.terminate() == 0
    assert "at exit" in app.log()


def test_bundler_is_used_where_there_is_a_gemfile(run, folder):
    with open(os.path.join(folder, "Gemfile"), "w") as file:
        file.write("source 'https://rubygems.org'\ngem 'rack'\n")
    app = run("run ->(env) { [200, {}, [defined?(Bundler) ? 'yes' : 'no',"
              " ENV['BUNDLE_GEMFILE']]] }\n")
    assert app.connect().get("/").body == (
        b"yes" + os.path.join(folder, "Gemfile").encode())


def test_no_bundler_without_a_gemfile(run):
    app = run("run ->(env) { [200, {}, [defined?(Bundler).to_s]] }\n")
    assert app.connect().get("/").body == b""


def test_a_missing_gem_is_reported_by_name(start, folder):
    with open(os.path.join(folder, "Gemfile"), "w") as file:
        file.write("source 'https://rubygems.org'\ngem 'no-such-gem-here'\n")
    with open(os.path.join(folder, "config.ru"), "w") as file:
        file.write("run nil\n")
    text = "".join(start(root=folder).error())
    assert "no-such-gem-here" in text
    assert f"In {folder} run: bundle install" in text


def test_a_library_that_the_gemfile_lacks_belongs_there(start, folder):
    with open(os.path.join(folder, "Gemfile"), "w") as file:
        file.write("source 'https://rubygems.org'\ngem 'rack'\n")
    with open(os.path.join(folder, "config.ru"), "w") as file:
        file.write("require 'no_such'\n")
    text = "".join(start(root=folder).error())
    assert f"Add it to {folder}/Gemfile and run: bundle install" in text


def test_the_base_uri_is_told_to_rails(run):
    app = run("run ->(env) { [200, {}, [ENV['RAILS_RELATIVE_URL_ROOT']]] }\n",
              more=["--base-uri", "/blog"])
    assert app.connect().get("/").body == b"/blog"


RACK_3 = """
module Rack
  def self.release; '3.0.0'; end
  module Utils
    HTTP_STATUS_CODES = { 200 => 'OK' }.freeze
  end
  # Returns the application alone, as Rack 3 does.
  class Builder
    def self.parse_file(path)
      builder = new
      builder.instance_eval(File.read(path), path)
      builder.app
    end
    attr_reader :app
    def run(app); @app = app; end
  end
end
"""


def test_the_shapes_of_rack_3(run, folder):
    """A stand-in: what differs is what parse_file returns, and headers."""
    with open(os.path.join(folder, "rack.rb"), "w") as file:
        file.write(RACK_3)
    app = run("run ->(env) { [200, {'set-cookie' => %w[a=1 b=2]},"
              " [Rack.release]] }\n", environ={"RUBYLIB": folder})
    response = app.connect().get("/")
    assert response.body == b"3.0.0"
    assert response.all(b"set-cookie") == [b"a=1", b"b=2"]


def test_sinatra_runs(run, folder):
    app = run("begin\n  require 'sinatra/base'\nrescue LoadError\n"
              "  run ->(env) { [200, {}, ['absent']] }\nelse\n"
              "  run Class.new(Sinatra::Base) {\n"
              "    get('/hi/:name') { \"hi #{params[:name]}\" }\n"
              "    post('/form') { params[:a].to_s }\n  }\nend\n")
    client = app.connect()
    response = client.get("/hi/J%C3%B6rg", extra={"PATH_INFO": "/hi/Jörg"
                          .encode()})
    if response.body == b"absent":
        pytest.skip("no sinatra")
    assert response.body == "hi Jörg".encode()
    form = client.get("/form", "POST", b"a=1&b=2", extra={
        "CONTENT_TYPE": "application/x-www-form-urlencoded"})
    assert form.body == b"1"


def test_what_serves_only_as_the_program_itself_does_not(run):
    """Sinatra's own server, which it starts when the process ends."""
    app = run("at_exit { puts 'serves' if File.expand_path($0) == __FILE__ }\n"
              "at_exit { puts 'ends' }\nrun ->(env) { [200, {}, []] }\n")
    assert app.terminate() == 0
    assert app.log() == "ends\n"


PASSENGER_HOOKS = """
SAID = []
if defined?(PhusionPassenger)
  PhusionPassenger.on_event(:starting_worker_process) { |forked| SAID << forked }
  PhusionPassenger.on_event(:stopping_worker_process) { puts 'stopping' }
end
run ->(env) { [200, {}, [SAID.inspect]] }
"""


def test_passengers_events_are_heeded_in_forks(start, folder):
    with open(os.path.join(folder, "config.ru"), "w") as file:
        file.write(PASSENGER_HOOKS)
    loader = start(root=folder, mode="preload")
    loader.expect("READY")
    pid = loader.fork(0)
    assert loader.connect().get("/").body == b"[true]"
    os.kill(pid, signal.SIGTERM)
    assert loader.log_has("stopping")


def test_passengers_events_are_heeded_without_forks(run):
    app = run(PASSENGER_HOOKS)
    assert app.connect().get("/").body == b"[false]"
    assert app.terminate() == 0
    assert "stopping" in app.log()
