using System.Text;
using Gateway.Configuration;
using Gateway.OpenRouter;
using Gateway.Secrets;

namespace Gateway.Tests.Gateway.Workers;

/// <summary>An upstream that answers every question alike, or throws while the test wants it.</summary>
internal sealed class ThrowingOpenRouterClient(string answer) : IOpenRouterClient
{
    /// <summary>Creates the exception that is thrown.</summary>
    public Func<Exception>? Fault { get; set; }

    public Task<T?> GetListAsync<T>(string path, SettingsSnapshot snapshot, UpstreamKey key, Func<byte[], T?> read, CancellationToken cancellationToken)
        where T : class => Task.FromResult(Read(read));

    public Task<OpenRouterBill<T>> GetBillAsync<T>(
        string path, SettingsSnapshot snapshot, UpstreamKey key, string? servedBy, string? sentWith, Func<byte[], T?> read, CancellationToken cancellationToken)
        where T : class => Task.FromResult(new OpenRouterBill<T>(Read(read), IsMissing: false, IsAnswered: true));

    private T? Read<T>(Func<byte[], T?> read)
        where T : class => Fault is { } fault ? throw fault() : read(Encoding.UTF8.GetBytes(answer));
}
