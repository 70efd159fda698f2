using System.Text.Json;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A request that was recorded from an agent: <c>Cases/tools/NAME.json</c>, which names client and version.</summary>
internal static class AgentRequest
{
    /// <summary>Reads the path and the body of a recorded request.</summary>
    public static async Task<(string Path, string Body)> ReadAsync(string name)
    {
        var file = Path.Combine(AppContext.BaseDirectory, "Cases", "tools", name + ".json");
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        return (json.RootElement.GetProperty("path").GetString()!, json.RootElement.GetProperty("body").GetRawText());
    }
}
