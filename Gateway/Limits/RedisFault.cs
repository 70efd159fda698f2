using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>
/// Describes failures of Redis for operators. The messages of the exceptions contain addresses, user names and parts of the connection
/// string, and are not used.
/// </summary>
internal static class RedisFault
{
    private const string NoRight = "NOPERM";
    private const string NoCommand = "UNKNOWN";

    /// <summary>The codes of refused commands that concern all calls. Redis 6 puts such an error inside that of the script.</summary>
    private static readonly string[] Refusals = [NoRight, "OOM", "READONLY", "MISCONF"];

    /// <summary>Describes a failure.</summary>
    /// <param name="fault">The exception of the client.</param>
    /// <param name="isTls">Whether the connection uses TLS.</param>
    /// <param name="timeout">The longest time that a call waits for a reply.</param>
    public static string Describe(Exception fault, bool isTls, TimeSpan timeout) => Refusal(fault, isTls) ?? fault switch
    {
        TimeoutException => string.Create(CultureInfo.InvariantCulture, $"Redis did not respond within {timeout.TotalMilliseconds:0} ms."),
        RedisServerException error => $"Redis answered with the error {CodeOf(error)}.",
        RedisConnectionException connection => Chain(fault).OfType<SocketException>().FirstOrDefault() is { } socket
            ? $"Redis is not connected ({socket.SocketErrorCode})."
            : $"Redis is not connected ({connection.FailureType}).",
        _ => $"Redis failed ({fault.GetType().Name}).",
    };

    /// <summary>Whether Redis refuses the gateway, which only a change of the settings or of Redis mends.</summary>
    public static bool IsRefusal(Exception fault, bool isTls) => Refusal(fault, isTls) is not null;

    /// <summary>
    /// Whether a failure means that Redis fails. A script error, such as an overflow, affects one team and must not open the circuit for all.
    /// </summary>
    public static bool IsOutage(Exception fault) => fault is not RedisServerException error || CodeOf(error) is not ("ERR" or "WRONGTYPE");

    private static string? Refusal(Exception fault, bool isTls)
    {
        if (fault is RedisServerException error)
        {
            return CodeOf(error) switch
            {
                NoRight =>
                    "Redis denies its user a right (NOPERM): the scripts of the gateway need EVAL, EVALSHA, SCRIPT, and the commands and keys in them.",
                NoCommand => "Redis does not know a command of the gateway's scripts: its configuration disables or renames one (rename-command).",
                _ => null,
            };
        }

        if (fault is not RedisConnectionException)
        {
            return null;
        }

        if (isTls && Chain(fault).Any(IsFailedHandshake))
        {
            return "The TLS handshake with Redis failed: Redis does not use TLS, or its certificate is not valid (ssl in Limits:Redis:Configuration).";
        }

        return Chain(fault).Any(static inner => inner is RedisConnectionException { FailureType: ConnectionFailureType.AuthenticationFailure })
            ? "Redis rejects the user name or the password (Limits:Redis:Configuration)."
            : null;
    }

    /// <summary>
    /// Whether a connection ended in its TLS handshake. The client reports some of these as failed authentications, too, which carry the reply
    /// of Redis as a plain exception. It reports the others, such as a server that closes the connection, with the step that they ended.
    /// </summary>
    private static bool IsFailedHandshake(Exception fault) => fault is RedisConnectionException { InnerException: { } inner } connection
        && (connection.FailureType == ConnectionFailureType.AuthenticationFailure || Equals(connection.Data["Redis-Origin"], "ConnectedAsync"))
        && inner is AuthenticationException or IOException or ObjectDisposedException or OperationCanceledException;

    /// <summary>
    /// The code of an error, or of the refused command in a script. A right that a script lacks has an ERR of its own in Redis 7, and a text
    /// without a code in Redis 6. A command that the server does not have has an ERR in all versions.
    /// </summary>
    private static string CodeOf(RedisServerException error)
    {
        if (Says(error, "user executing the script") || Says(error, "ACL failure in script"))
        {
            return NoRight;
        }

        if (Says(error, "Unknown Redis command") || Says(error, "unknown command"))
        {
            return NoCommand;
        }

        return Array.Find(Refusals, code => Says(error, $"-{code} ")) ?? error.Message.Split(' ', 2)[0].TrimEnd(':');
    }

    private static bool Says(RedisServerException error, string text) => error.Message.Contains(text, StringComparison.Ordinal);

    private static IEnumerable<Exception> Chain(Exception fault)
    {
        for (Exception? current = fault; current is not null; current = current.InnerException)
        {
            yield return current;
            if (current is AggregateException all)
            {
                foreach (var inner in all.InnerExceptions.Skip(1).SelectMany(Chain))
                {
                    yield return inner;
                }
            }
        }
    }
}
