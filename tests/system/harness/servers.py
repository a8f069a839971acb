"""
The web servers, each with a sample of deploy/ and no more around it than
the sample asks for: modules, a port, where logs go. Each is a context
manager over a workspace that has the handler and its configuration.
"""

import contextlib
import glob
import os
import shutil
import signal

from .process import Process, free_port
from .workers import Pool
from .workspace import SERVER_USER

APACHE_MODULES = "/usr/lib/apache2/modules"


class Server(contextlib.ExitStack):
    """What they have in common."""

    sample = None          # below deploy/
    pooled = False         # served by deploy/pool
    pool_class = Pool
    streams = True         # events arrive one by one
    max_body = None        # bytes of a request body, where it is small
    one_at_a_time = False  # a process serves one request and is not kept

    def __init__(self, workspace, mount="/llm", processes=2, edits=()):
        super().__init__()
        self.workspace = workspace
        self.mount = mount
        self.processes = processes
        self.edits = edits
        self.port = free_port()
        self.log = workspace.path("var", "server.log")
        self.process = None
        self.pool = None

    def __enter__(self):
        super().__enter__()
        try:
            if self.pooled:
                self.pool = self.enter_context(
                    self.pool_class(self.workspace, self.processes))
            self.workspace.write("conf/sample.conf", self.rendered())
            self.process = Process(self.command(), self.log)
            self.callback(self.process.stop, signal.SIGTERM, 60)
            self.process.wait_for(("127.0.0.1", self.port))
        except BaseException:
            self.close()
            raise
        return self

    def rendered(self):
        """The sample as this server reads it."""
        return self.workspace.render(self.sample, self.mount, self.edits)

    def command(self):
        raise NotImplementedError

    def fill(self, template, **more):
        values = dict(dir=self.workspace.dir, port=self.port,
                      user=SERVER_USER, log=self.log, **more)
        return template % values


class Lighttpd(Server):
    MAIN = """
server.modules = ( "mod_fastcgi" )
server.document-root = "%(dir)s/www"
server.bind = "127.0.0.1"
server.port = %(port)d
server.errorlog = "%(log)s"
server.upload-dirs = ( "%(dir)s/var" )
%(as_user)s
include "%(dir)s/conf/sample.conf"
"""

    def command(self):
        # lighttpd writes its log after it has given up root.
        open(self.log, "a").close()
        as_user = ""
        if os.getuid() == 0:
            shutil.chown(self.log, SERVER_USER)
            as_user = 'server.username = "%s"\nserver.groupname = "%s"' \
                % (SERVER_USER, SERVER_USER)
        main = self.workspace.write(
            "conf/lighttpd.conf", self.fill(self.MAIN, as_user=as_user))
        return ["lighttpd", "-D", "-f", main]


class LighttpdPool(Lighttpd):
    sample = "lighttpd/pool.conf"
    pooled = True


class LighttpdSpawned(Lighttpd):
    sample = "lighttpd/spawned.conf"


class Nginx(Server):
    sample = "nginx/reprise.conf"
    pooled = True
    MAIN = """
daemon off;
pid %(dir)s/nginx.pid;
error_log %(log)s;
worker_processes 1;
%(as_user)s
events { }
http {
	access_log off;
	# For clients that read late, while others are served slowly.
	send_timeout 10m;
	client_body_temp_path %(dir)s/run/body;
	fastcgi_temp_path %(dir)s/run/fastcgi;
	proxy_temp_path %(dir)s/run/proxy;
	scgi_temp_path %(dir)s/run/scgi;
	uwsgi_temp_path %(dir)s/run/uwsgi;
	%(http)s
	server {
		listen 127.0.0.1:%(port)d backlog=1024;
		root %(dir)s/www;
		include %(dir)s/conf/sample.conf;
	}
}
"""

    def __init__(self, workspace, mount="/llm", keep=False, **more):
        super().__init__(workspace, mount, **more)
        self.http = ""
        if keep:
            # As the sample's comment says.
            at = "unix:" + workspace.socket
            self.http = "upstream reprise { server %s; keepalive 16; }" % at
            self.edits = [("fastcgi_pass %s;" % at,
                           "fastcgi_pass reprise; fastcgi_keep_conn on;")]

    def command(self):
        shutil.copy("/etc/nginx/fastcgi_params",
                    self.workspace.path("conf", "fastcgi_params"))
        as_user = "user %s;" % SERVER_USER if os.getuid() == 0 else ""
        main = self.workspace.write("conf/nginx.conf", self.fill(
            self.MAIN, as_user=as_user, http=self.http))
        return ["nginx", "-c", main, "-p", self.workspace.dir]

    def unix_sockets(self):
        """How many its process has: those to workers, and some of its own."""
        with open("/proc/net/unix") as f:
            every = {"socket:[%s]" % line.split()[6]
                     for line in f.readlines()[1:]}
        with open("/proc/%d/task/%d/children" % (
                self.process.pid, self.process.pid)) as f:
            child, = f.read().split()
        found = 0
        for fd in glob.glob("/proc/%s/fd/*" % child):
            with contextlib.suppress(FileNotFoundError):
                found += os.readlink(fd) in every
        return found


class Apache(Server):
    modules = ()
    extra = ""
    MAIN = """
ServerRoot "%(dir)s"
ServerName localhost
PidFile "%(dir)s/apache.pid"
DefaultRuntimeDir "%(dir)s/run"
Listen 127.0.0.1:%(port)d
ErrorLog "%(log)s"
%(load)s
User %(user)s
Group %(user)s
<Directory "/">
	Require all denied
</Directory>
%(extra)s
<VirtualHost 127.0.0.1:%(port)d>
	DocumentRoot "%(dir)s/www"
	%(include)s
</VirtualHost>
"""

    def include(self):
        return 'Include "%s"' % self.workspace.path("conf", "sample.conf")

    def command(self):
        names = ("mpm_event", "authz_core", "authz_host", "alias", "env",
                 "setenvif", *self.modules)
        load = "\n".join('LoadModule %s_module "%s/mod_%s.so"'
                         % (n, APACHE_MODULES, n) for n in names)
        extra = self.fill(self.extra)
        main = self.workspace.write("conf/apache.conf", self.fill(
            self.MAIN, load=load, extra=extra, include=self.include()))
        return ["apache2", "-D", "FOREGROUND", "-f", main]


class ApacheProxyFcgi(Apache):
    sample = "apache/proxy-fcgi.conf"
    pooled = True
    modules = ("proxy", "proxy_fcgi")

    def __init__(self, workspace, mount="/llm", keep=False, **more):
        super().__init__(workspace, mount, **more)
        if keep:
            self.edits = [("timeout=600", "timeout=600 enablereuse=on")]


class ApacheFcgid(Apache):
    sample = "apache/fcgid.conf"
    modules = ("fcgid",)
    one_at_a_time = True
    extra = """
FcgidIPCDir "%(dir)s/run/fcgid"
FcgidProcessTableFile "%(dir)s/run/fcgid.table"
"""


class ApacheHtaccess(ApacheFcgid):
    """A rented account: everything by .htaccess and a script beside it."""

    sample = "apache/shared-hosting/.htaccess"
    modules = ("fcgid", "mime", "rewrite")
    streams = False
    max_body = 131072
    extra = ApacheFcgid.extra + """
TypesConfig /dev/null
<Directory "%(dir)s/www">
	AllowOverride All
	Require all granted
</Directory>
"""

    def include(self):
        folder = "www" + self.mount.rstrip("/")
        self.workspace.write(folder + "/.htaccess", self.rendered())
        self.workspace.write(
            folder + "/reprise.fcgi", self.workspace.render(
                "apache/shared-hosting/reprise.fcgi"), executable=True)
        return ""


class ApacheCgi(Apache):
    sample = "apache/cgi.conf"
    modules = ("cgid",)
    one_at_a_time = True
    extra = 'ScriptSock "%(dir)s/run/cgid.sock"'
