using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a start reads settings and secrets from pipes, as a shell and a secret store pass them; a running gateway opens none.
/// </summary>
public sealed class PipeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task SettingsSecretAndDotEnv_AreReadFromPipes()
    {
        await NamedPipe.CreateAsync(_folder.File("settings"));
        await NamedPipe.CreateAsync(_folder.File("search.key"));
        await NamedPipe.CreateAsync(_folder.File(".env"));

        // check reads the secrets where they are.
        var check = GatewayCommandRun.RunAsync(["check", "--config", "settings"], _folder.Path);
        Task[] writes =
        [
            NamedPipe.WriteAsync(_folder.File("settings"), TeamSetup.Settings(TeamSetup.Team())),
            NamedPipe.WriteAsync(_folder.File("search.key"), TeamSetup.UpstreamKey),
            NamedPipe.WriteAsync(_folder.File(".env"), "GATEWAY_PORT=3017"),
        ];
        var output = await check;

        Assert.Equal((0, ""), (output.ExitCode, output.Error));
        Assert.Contains(":3017", output.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("search.key", output.Out, StringComparison.Ordinal);
        await Task.WhenAll(writes).GuardAsync();
    }

    /// <summary>The pair is read again for a renewal, which a pipe does not allow.</summary>
    [Theory]
    [InlineData("cert.pem", "Server:CertPath", "--cert-path")]
    [InlineData("key.pem", "Server:KeyPath", "--key-path")]
    public async Task CertificateOrKeyFromAPipe_IsAFaultAtStart(string name, string setting, string flag)
    {
        _folder.Write("appsettings.json", ShippedSettings.Text);
        TestCertificate.Create().WriteTo(_folder);
        await NamedPipe.ReplaceAsync(_folder.File(name));

        var output = await GatewayCommandRun.RunAsync(
            ["--https", "--cert-path", "cert.pem", "--key-path", "key.pem", "--port", "0"], _folder.Path);

        Assert.Equal(2, output.ExitCode);
        Assert.Equal(
            $"{setting}: {_folder.File(name)} is a pipe or a device; expected a regular file, which can be read again (from {flag})",
            output.Error.TrimEnd());
    }

    [Fact]
    public async Task PipeInPlaceOfTheSettings_IsAFaultAndStopsNeitherRequestsNorTheEnd()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Settings = ShippedSettings.With(
                ("Admin", """{ "Url": "http://127.0.0.1:0" }"""),
                ("ProviderMapping", """{ "Rules": [{ "Name": "good", "Model": "*", "Provider": { "zdr": true } }] }"""));
            options.OutOfProcess = true;
        });
        using var admin = await pair.Gateway.AdminClientAsync();

        await NamedPipe.ReplaceAsync(pair.Gateway.SettingsPath);

        var faults = await Eventually.GetAsync(
            async () => await FaultsAsync(admin) is { Length: > 2 } found ? found : null, "a fault of the settings file");
        Assert.Contains("is a pipe or a device", faults, StringComparison.Ordinal);
        Assert.Contains("appsettings.json", faults, StringComparison.Ordinal);
        Assert.Equal("good", await pair.RuleAsync());

        await pair.Gateway.Process.TerminateAsync();
        Assert.Equal(0, (await pair.Gateway.Process.WaitForExitAsync()).ExitCode);
    }

    private static async Task<string> FaultsAsync(HttpClient admin)
    {
        using var page = System.Text.Json.JsonDocument.Parse(
            await admin.GetStringAsync("/admin/health", TestContext.Current.CancellationToken));
        return page.RootElement.GetProperty("last_reload").GetProperty("faults").GetRawText();
    }
}
