# SPDX-License-Identifier: Apache-2.0
"""test_psgi.py - what only the PSGI specification and Perl know."""

import json
import os

import pool
import pytest
from conftest import LOADERS, languages


language = languages("psgi")


@pytest.fixture
def run(start, folder):
    """Runs an app.psgi whose application is a sub with this body."""
    def run_text(body, before="", **more):
        write(folder, "app.psgi", before + "\nsub { my ($env) = @_;\n" + body
              + "\n}\n")
        loader = start(root=folder, **more)
        assert loader.message()[0] == "READY", loader.log()
        return loader
    return run_text


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def test_a_callback_may_stream_or_answer_late(client):
    response = client.get("/stream")
    assert (response.body, response.frame) == (b"one two three", b"chunked")
    assert client.get("/stream", "HEAD").body == b""
    response = client.get("/delayed")
    assert (response.body, response.frame) == (b"in time", b"7")
    assert client.get("/stream", keep=False).body == b"one two three"


def test_a_writer_sends_its_header_before_its_first_piece(run, fifo):
    app = run("sub { my $w = $_[0]->([200, []]);\n"
              "open my $f, '<', $env->{QUERY_STRING}; $w->write(<$f>);\n"
              "$w->close; }")
    client = app.connect()
    client.send(pool.request_bytes("/?" + fifo))
    client.head()
    with open(fifo, "w") as writer:
        writer.write("later")
    assert list(client.chunks()) == [b"later"]


def test_a_writer_left_open_is_closed(run):
    client = run("sub { $_[0]->([200, []])->write('x') }").connect()
    for _ in range(2):
        assert client.get("/").body == b"x"


@pytest.mark.parametrize("body, said", [
    ("sub { 1 }", "sent no response"), ("undef", "must return an array"),
    ("'text'", "must return an array"), ("[200, [], 'x']", "array or a handle"),
    ("['abc', [], []]", "must be like 200"),
    ("[200, ['Content-Length' => '1x'], ['x']]", "Content-Length is"),
    ("[200, ['Content-Length' => 1, 'content-length' => 2], ['x']]",
     "Two different values"),
    ("[200, ['X-A'], []]", "Illegal byte"),
    ("[200, ['X-A' => qq{\\x{20ac}}], []]", "Wide character in the header"),
    ("[200, [], [qq{\\x{20ac}}]]", "Wide character in the body"),
    ("die { code => 7 }", "HASH"), ("die undef", "Died")])
def test_what_is_no_response_is_500_and_logged(run, body, said):
    app = run(body)
    client = app.connect()
    for _ in range(2):
        assert client.get("/").code == 500
    assert said in app.log()


def test_latin_1_strings_are_bytes_whatever_perl_stores(run):
    app = run(r"my $s = qq{caf\x{e9}}; utf8::upgrade($s);"
              r"[200, ['X-A' => $s], [$s, $s]]")
    response = app.connect().get("/")
    assert response.all(b"X-A") == [b"caf\xe9"]
    assert response.body == b"caf\xe9caf\xe9" and response.frame == b"8"


def test_the_log_shows_the_calls_that_led_to_an_exception(run):
    app = run("deep(3)",
              before="sub deep { $_[0] ? deep($_[0] - 1) : die 'at the end' }")
    assert app.connect().get("/").code == 500
    assert app.log_has("at the end at ")
    assert app.log().count("main::deep called at ") == 4


def test_the_log_shows_the_applications_calls_that_led_to_one_of_ours(run):
    app = run("sub { answer($_[0]) }",
              before="sub answer { $_[0]->(['abc', [], []]) }")
    assert app.connect().get("/").code == 500
    assert app.log_has("must be like 200")
    assert "main::answer called at " in app.log()
    assert LOADERS not in app.log()


def test_exceptions_that_the_application_catches_are_no_news(run):
    app = run("eval { die 'caught' }; [200, [], [$@ =~ /(caught)/]]")
    assert app.connect().get("/").body == b"caught"
    assert app.log() == ""


def test_a_large_body_is_a_file_that_can_be_read_anew(run):
    app = run("my $in = $env->{'psgi.input'}; local $/;\n"
              "my $a = <$in>; seek $in, 0, 0; my $b = <$in>; close $in;\n"
              "[200, [], [length $a, ' ', $a eq $b ? 'same' : 'different',\n"
              " ' ', fileno $in // 'closed']]")
    client = app.connect()
    for _ in range(2):
        response = client.get("/", "POST", os.urandom(200000))
        assert response.body == b"200000 same closed"


def test_input_can_be_another_programs_standard_input(run):
    app = run("open my $old, '<&', \\*STDIN; open STDIN, '<&',"
              " fileno $env->{'psgi.input'} or die $!; my $n = `wc -c`;\n"
              "open STDIN, '<&', $old; [200, [], [$n]]")
    assert app.connect().get("/", "POST", b"x" * 70001).body == b"70001\n"


def test_a_file_behind_a_layer_is_read_through_it(run, folder):
    write(folder, "lines", "a\r\nb\r\n")
    app = run("open my $f, '<:crlf', 'lines' or die $!; [200, [], $f]")
    response = app.connect().get("/")
    assert (response.body, response.frame) == (b"a\nb\n", b"chunked")


def test_a_file_is_sent_from_where_it_was_read_to(run, folder):
    write(folder, "lines", "a\nb\nc\n")
    app = run("open my $f, '<', 'lines' or die $!; <$f>; [200, [], $f]")
    response = app.connect().get("/")
    assert (response.body, response.frame) == (b"b\nc\n", b"4")


def test_cleanup_handlers_run_after_the_response(run, fifo):
    app = run("push @{ $env->{'psgix.cleanup.handlers'} },\n"
              "sub { open my $f, '<', $_[0]{QUERY_STRING}; <$f> },\n"
              "sub { die 'in cleanup' };\n"
              "[200, [], [$env->{'psgix.cleanup'}]]")
    client = app.connect()
    assert client.get("/?" + fifo).body == b"1"
    with open(fifo, "w") as writer:
        writer.write("x")
    assert app.log_has("a cleanup handler died: in cleanup")


def test_harakiri_ends_the_process_after_its_response(run):
    app = run("$env->{'psgix.harakiri.commit'} = 1;"
              " [200, [], [$env->{'psgix.harakiri'}]]")
    client = app.connect()
    assert client.get("/").body == b"1"
    assert client.is_closed()
    assert app.process.wait(pool.PATIENCE_S) == 0


def test_exit_handlers_run_at_the_end_only(run):
    app = run("exit", before="END { print qq{at exit\\n} }")
    client = app.connect()
    assert client.get("/").code == 500
    assert client.get("/").code == 500
    assert "at exit" not in app.log()
    assert app.terminate() == 0
    assert app.log().count("at exit") == 1


def test_a_fork_of_the_application_may_exit(run):
    app = run("my $pid = fork; exit 5 if !$pid; waitpid $pid, 0;"
              " [200, [], [$? >> 8]]")
    assert app.connect().get("/").body == b"5"


def test_fork_hooks_get_their_slot(start):
    loader = start(mode="preload", listeners=2)
    loader.expect("READY")
    for slot in (1, 0):
        loader.fork(slot)
        assert loader.connect(slot).get("/forked").body == b"%d" % slot


def test_threads_are_refused(launch, language):
    loader = launch(language.command, language.app, language.startup_file,
                    threads=2)
    assert "PoolMaxPerApp" in "".join(loader.error())


def test_a_module_missing_to_a_module_is_named_too(start, folder):
    write(folder, "lib/Outer.pm", "package Outer;\nuse Inner;\n1;\n")
    write(folder, "app.psgi", "use lib 'lib';\nuse Outer;\nsub {}\n")
    text = "".join(start(root=folder).error())
    assert "The Perl module Inner is not installed." in text
    assert "Outer.pm line 2" in text and "app.psgi line 2" in text


def test_a_module_in_the_applications_own_lib_is_said_to_be_there(
        start, folder):
    write(folder, "lib/Own/Part.pm", "package Own::Part;\n1;\n")
    write(folder, "app.psgi", "use Own::Part;\nsub {}\n")
    text = "".join(start(root=folder).error())
    assert f"Own/Part.pm is in {folder}/lib, where perl does not look" in text
    assert f"PoolSetEnv PERL5LIB {folder}/lib" in text
    assert "not installed" not in text
    loader = start(root=folder, environ={"PERL5LIB": f"{folder}/lib"})
    loader.expect("READY")


MODULE = "package Here; sub name { '%s' } 1;\n"


def test_modules_below_local_are_found(run, folder):
    write(folder, "local/lib/perl5/Here.pm", MODULE % "local")
    app = run("[200, [], [Here::name()]]", before="use Here;")
    assert app.connect().get("/").body == b"local"


def test_perl5lib_is_heeded(run, folder):
    write(folder, "else/Here.pm", MODULE % "else")
    app = run("[200, [], [Here::name()]]", before="use Here;",
              environ={"PERL5LIB": os.path.join(folder, "else")})
    assert app.connect().get("/").body == b"else"


def test_a_signal_handler_of_the_application_does_not_survive(run):
    app = run("[200, [], []]", before="$SIG{TERM} = 'IGNORE';")
    assert app.terminate() == 0


def test_a_signal_does_not_cut_what_a_request_reads_or_writes(run):
    app = run("kill USR1 => $$; read $env->{'psgi.input'}, my $d, 3e6;\n"
              "kill USR1 => $$; [200, [], [$d]]", before="$SIG{USR1} = sub {};")
    body = os.urandom(1000000)
    assert app.connect().get("/", "POST", body).body == body


def test_used_up_descriptors_do_not_hang_the_client(run, language):
    app = run("[200, [], ['x']]")
    client = app.connect()
    client.get("/")
    limit = pool.descriptors(app.process.pid) + 10
    import resource
    resource.prlimit(app.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    others = []
    with pytest.raises((pool.Cut, ConnectionError)):
        for _ in range(100):
            others.append(app.connect())
            others[-1].get("/")
    assert app.log_has("no descriptor left")
    assert client.get("/").body == b"x"


def test_plack_applications_that_are_objects_run(start, folder):
    write(folder, "app.psgi", "package Thing; use overload '&{}' =>"
          " sub { my $s = shift; sub { [200, [], [$s->{x}]] } };\n"
          "bless { x => 'called' }\n")
    loader = start(root=folder)
    loader.expect("READY")
    assert loader.connect().get("/").body == b"called"


def test_the_environment_is_what_psgi_asks_for(client):
    environ = json.loads(client.get("/echo").body)
    assert environ["psgi.version"] == [1, 1]
    assert environ["psgi.streaming"] is True
    assert environ["psgi.nonblocking"] is False
    assert environ["psgix.input.buffered"]
    assert "psgix.io" not in environ
