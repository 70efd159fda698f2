using System.Text;
using Gateway.OpenRouter;
using Gateway.Secrets;

namespace Gateway.Tests.Gateway.Workers;

/// <summary>An upstream that answers every question alike, or throws while the test wants it.</summary>
internal sealed class ThrowingOpenRouterClient(string answer) : IOpenRouterClient
{
    /// <summary>Makes what is thrown.</summary>
    public Func<Exception>? Fault { get; set; }

    public Task<OpenRouterAnswer?> GetAsync(string path, UpstreamKey? key, CancellationToken cancellationToken) =>
        GetAsync(path, key, servedBy: null, cancellationToken);

    public Task<OpenRouterAnswer?> GetAsync(string path, UpstreamKey? key, string? servedBy, CancellationToken cancellationToken) =>
        Fault is { } fault
            ? throw fault()
            : Task.FromResult<OpenRouterAnswer?>(new OpenRouterAnswer(200, Encoding.UTF8.GetBytes(answer), IsAuthoritative: true));
}
