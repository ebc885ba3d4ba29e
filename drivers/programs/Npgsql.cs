using System;
using System.Data;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Npgsql;

static class Program
{
    static readonly string Address =
        "Host=127.0.0.1;Port=" + Environment.GetEnvironmentVariable("PGPORT") + ";Database=app;Username=app;Password=secret";

    static void Say(params object[] words)
    {
        Console.Out.WriteLine(string.Join(" ", words.Select(word => word == null ? "null" : word.ToString())));
        Console.Out.Flush();
    }

    /** Waits until the locks at the server have been written down. */
    static void Checkpoint()
    {
        Say("locks?");
        Console.In.ReadLine();
    }

    static NpgsqlCommand Command(NpgsqlConnection connection, string text, object[] values)
    {
        var command = new NpgsqlCommand(text, connection);
        for (var at = 0; at < values.Length; at++) command.Parameters.AddWithValue("p" + (at + 1), values[at]);
        return command;
    }

    static void Run(NpgsqlConnection connection, string text, params object[] values)
    {
        try
        {
            using (var command = Command(connection, text, values))
            using (var reader = command.ExecuteReader())
            {
                do
                {
                    while (reader.Read())
                        Say(text, string.Join(", ", Enumerable.Range(0, reader.FieldCount).Select(at => reader.GetName(at) + "=" + reader.GetValue(at))));
                } while (reader.NextResult());
                Say(text, "done");
            }
        }
        catch (PostgresException error)
        {
            Say(text, error.SqlState, error.MessageText);
        }
    }

    static NpgsqlConnection Open(string more)
    {
        var connection = new NpgsqlConnection(Address + more);
        connection.Open();
        return connection;
    }

    static void Main()
    {
        var a = Open(";Pooling=false");
        var b = Open(";Pooling=false;Application Name=worker");

        Run(a, "SELECT pg_advisory_lock(42)");
        Run(a, "SELECT pg_advisory_lock(@p1)", 42L);
        Run(a, "SELECT pg_try_advisory_lock(@p1, @p2) AS locked", 1, 2);
        Run(a, "SELECT pg_advisory_lock_shared(-7)");
        Checkpoint();
        Run(a, "SELECT pg_advisory_unlock(42)");
        Run(a, "SELECT pg_advisory_unlock(42); SELECT pg_advisory_unlock(1, 2); SELECT pg_advisory_unlock_shared(-7)");
        Checkpoint();

        // A prepared statement, with other values each time.
        using (var prepared = new NpgsqlCommand("SELECT pg_try_advisory_lock(@p1)", a))
        {
            prepared.Parameters.Add("p1", NpgsqlTypes.NpgsqlDbType.Bigint);
            prepared.Prepare();
            foreach (var key in new[] { 5L, 6L, 5L })
            {
                prepared.Parameters[0].Value = key;
                Say("prepared", key, prepared.ExecuteScalar());
            }
        }
        Checkpoint();
        Run(a, "SELECT pg_advisory_unlock_all()");

        // A wait that ends by its time limit, by a cancel request, and by a release.
        Run(a, "SELECT pg_advisory_lock(7)");
        Run(b, "SELECT pg_try_advisory_lock(7)");
        Run(b, "SET lock_timeout = 100");
        Run(b, "SELECT pg_advisory_lock(7)");
        Run(b, "SET lock_timeout = 0");
        using (var waiting = Command(b, "SELECT pg_advisory_lock(7)", new object[0]))
        {
            var canceling = Task.Run(() => { Thread.Sleep(300); waiting.Cancel(); });
            try
            {
                waiting.ExecuteNonQuery();
                Say("not canceled");
            }
            catch (PostgresException error)
            {
                Say("canceled", error.SqlState, error.MessageText);
            }
            canceling.Wait();
        }
        var release = Task.Run(() => { Thread.Sleep(300); using (var unlock = Command(a, "SELECT pg_advisory_unlock(7)", new object[0])) unlock.ExecuteScalar(); });
        Run(b, "SELECT pg_advisory_lock(7)");
        release.Wait();
        Checkpoint();
        Run(b, "SELECT pg_advisory_unlock(7)");

        // Locks of transactions.
        using (var transaction = b.BeginTransaction(IsolationLevel.ReadCommitted))
        {
            Run(b, "SELECT pg_advisory_xact_lock(8)");
            transaction.Save("s");
            Run(b, "SELECT pg_advisory_xact_lock(9)");
            Checkpoint();
            transaction.Rollback("s");
            Checkpoint();
            transaction.Commit();
        }
        Checkpoint();
        using (b.BeginTransaction())
        {
            Run(b, "SELECT pg_advisory_xact_lock(10)");
            Run(b, "SELECT 1 / 0");
            Run(b, "SELECT pg_advisory_lock(11)");
        }
        Checkpoint();

        a.Close();
        b.Close();
        Checkpoint();

        // Npgsql resets a pooled connection when it is opened again, and not before.
        var pool = ";Maximum Pool Size=1";
        using (var first = Open(pool)) Run(first, "SELECT pg_advisory_lock(15)");
        Checkpoint();
        using (var second = Open(pool)) Run(second, "SELECT 'again' AS word");
        Checkpoint();
        NpgsqlConnection.ClearAllPools();
    }
}
