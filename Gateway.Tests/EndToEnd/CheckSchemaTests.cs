using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: <c>check --schema</c> prints the repository's <c>appsettings.schema.json</c>, without settings.</summary>
public sealed class CheckSchemaTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("check", "--schema")]
    [InlineData("check", "--json", "--schema", "--config", "missing.json")]
    public async Task Schema_IsPrintedAsItIs(params string[] arguments) => Assert.Equal(
        new GatewayOutput(0, JsonSchemaFile.Text, ""), await GatewayCommandRun.RunAsync(arguments, _folder.Path));

    [Fact]
    public async Task FaultyFlag_IsReportedInItsPlace()
    {
        var output = await GatewayCommandRun.RunAsync(["check", "--schema", "--port", "x"], _folder.Path);

        Assert.Equal((2, ""), (output.ExitCode, output.Out));
        Assert.StartsWith("--port \"x\": ", output.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OtherCommands_HaveNoSuchFlag() =>
        Assert.Equal(2, (await GatewayCommandRun.RunAsync(["explain", "--model", "m", "--schema"], _folder.Path)).ExitCode);
}
