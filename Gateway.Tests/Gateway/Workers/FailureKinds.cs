using Xunit;

namespace Gateway.Tests.Gateway.Workers;

/// <summary>Exceptions that a dependency of a worker may throw, by name. None of them is the stop of the host.</summary>
internal static class FailureKinds
{
#pragma warning disable CA2201 // The runtime throws the reserved ones, and a worker has to survive those too.
    private static readonly Dictionary<string, Func<Exception>> Kinds = new()
    {
        ["invalid"] = () => new InvalidOperationException("marked"),
        ["null"] = () => new NullReferenceException("marked"),
        ["io"] = () => new IOException("marked"),
        ["timeout"] = () => new TaskCanceledException("marked", new TimeoutException()),
        ["cancelled"] = () => new OperationCanceledException("marked", new CancellationToken(canceled: true)),
        ["disposed"] = () => new ObjectDisposedException("marked"),
        ["several"] = () => new AggregateException("marked", new IOException(), new InvalidOperationException()),
        ["memory"] = () => new OutOfMemoryException("marked"),
    };
#pragma warning restore CA2201

    public static TheoryData<string> All => [.. Kinds.Keys];

    public static Exception Create(string kind) => Kinds[kind]();
}
