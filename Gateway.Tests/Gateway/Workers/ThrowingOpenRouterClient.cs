using System.Text;
using Gateway.OpenRouter;
using Gateway.Secrets;

namespace Gateway.Tests.Gateway.Workers;

/// <summary>An upstream that answers every question alike, or throws while the test wants it.</summary>
internal sealed class ThrowingOpenRouterClient(string answer) : IOpenRouterClient
{
    /// <summary>Makes what is thrown.</summary>
    public Func<Exception>? Fault { get; set; }

    public Task<(int Status, byte[] Body)?> GetAsync(string path, UpstreamKey? key, CancellationToken cancellationToken) =>
        Fault is { } fault ? throw fault() : Task.FromResult<(int, byte[])?>((200, Encoding.UTF8.GetBytes(answer)));
}
