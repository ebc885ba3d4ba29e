import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.*;
import java.util.Properties;

/** JDBC, in the protocol of its argument: `extended` or `simple`. */
public class Jdbc {
  static final BufferedReader in = new BufferedReader(new InputStreamReader(System.in));

  static void checkpoint() throws Exception {
    System.out.println("locks?");
    in.readLine();
  }

  static void query(Connection c, String sql, Object... values) {
    try (PreparedStatement s = c.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
      boolean hasRows = s.execute();
      if (!hasRows) {
        System.out.println(sql + " " + s.getUpdateCount());
        return;
      }
      ResultSet rows = s.getResultSet();
      ResultSetMetaData about = rows.getMetaData();
      while (rows.next())
        System.out.println(sql + " " + about.getColumnName(1) + " " + about.getColumnTypeName(1) + " " + rows.getObject(1));
    } catch (SQLException e) {
      System.out.println(sql + " " + e.getSQLState() + " " + e.getMessage().split("\n")[0]);
    }
  }

  static Connection connect(String mode) throws SQLException {
    Properties p = new Properties();
    p.setProperty("user", "app");
    p.setProperty("password", "secret");
    p.setProperty("preferQueryMode", mode);
    p.setProperty("ApplicationName", "jdbc test");
    return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/app", p);
  }

  public static void main(String[] args) throws Exception {
    Connection a = connect(args[0]), b = connect(args[0]);
    // From the fifth execution on, the driver uses a named statement and sends no Describe.
    for (int i = 0; i < 7; i++) query(a, "SELECT pg_advisory_lock(?)", 42L);
    checkpoint();
    for (int i = 0; i < 8; i++) query(a, "SELECT pg_advisory_unlock(?)", 42L);
    System.out.println(a.getWarnings() == null ? "no warning" : a.getWarnings().getMessage());
    query(a, "SELECT pg_try_advisory_lock(?, ?)", 1, 2);
    query(a, "SELECT pg_advisory_lock(?)", 5);
    query(a, "SELECT pg_advisory_lock(?)", "no");
    query(a, "SELECT pg_advisory_lock(hashtext(?))", "job");
    checkpoint();
    a.setAutoCommit(false);
    a.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
    query(a, "SELECT pg_advisory_xact_lock(?)", 7L);
    Savepoint s = a.setSavepoint();
    query(a, "SELECT pg_advisory_xact_lock(?)", 8L);
    checkpoint();
    a.rollback(s);
    checkpoint();
    a.commit();
    checkpoint();
    a.setAutoCommit(true);
    query(b, "SET lock_timeout = '200ms'");
    query(b, "SELECT pg_advisory_lock(?)", 5L);
    query(b, "SET lock_timeout = 0");
    try (Statement t = b.createStatement()) {
      t.setQueryTimeout(1);
      t.execute("SELECT pg_advisory_lock(5)");
    } catch (SQLException e) {
      System.out.println(e.getSQLState() + " " + e.getMessage());
    }
    System.out.println("valid " + b.isValid(5));
    try (Statement t = b.createStatement()) {
      System.out.println(t.execute("SELECT pg_advisory_lock(9); SELECT 1 AS one; SELECT pg_advisory_unlock(9)"));
      int sets = 1;
      while (t.getMoreResults()) sets++;
      System.out.println(sets + " results");
    }
    try (Statement t = b.createStatement()) {
      b.setAutoCommit(false);
      t.setFetchSize(2);
      ResultSet rows = t.executeQuery("SELECT generate_series(1, 5)");
      int sum = 0;
      while (rows.next()) sum += rows.getInt(1);
      System.out.println("sum " + sum);
      b.commit();
    }
    a.close();
    b.close();
    checkpoint();
  }
}
