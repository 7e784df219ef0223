import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import software.amazon.dynamodb.services.local.main.ServerRunner;
import software.amazon.dynamodb.services.local.server.DynamoDBProxyServer;

/**
 * Amazon's own main class listens on every interface, on a port that somebody else has to find free, and answers any
 * Host. This one listens on a free port of 127.0.0.1, says which, answers no other Host, and ends when its standard
 * input does: with the process that started it, however that one ended. The class file beside it spares users a Java
 * compiler; after a change:
 * javac --release 17 -g:none -cp "$LIB/DynamoDBLocal.jar:$LIB/DynamoDBLocal_lib/*" LoopbackServer.java
 */
public class LoopbackServer extends Handler.Wrapper {
  private LoopbackServer(Handler handler) {
    super(handler);
  }

  public static void main(String[] args) throws Exception {
    DynamoDBProxyServer proxy = ServerRunner.createServerFromCommandLineArgs(args);
    var field = DynamoDBProxyServer.class.getDeclaredField("server");
    field.setAccessible(true);
    var server = (Server) field.get(proxy);
    server.setHandler(new LoopbackServer(server.getHandler()));
    var connector = (ServerConnector) server.getConnectors()[0];
    connector.setHost("127.0.0.1");
    connector.setPort(0);
    proxy.safeStart();
    System.out.println("listening " + connector.getLocalPort());
    System.in.transferTo(java.io.OutputStream.nullOutputStream());
    Runtime.getRuntime().halt(0);
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) throws Exception {
    var host = Request.getServerName(request);
    if (host.equals("127.0.0.1") || host.equals("localhost")) return super.handle(request, response, callback);
    Response.writeError(request, response, callback, 421);
    return true;
  }
}
