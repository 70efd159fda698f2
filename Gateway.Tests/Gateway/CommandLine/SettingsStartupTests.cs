using Gateway.CommandLine;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.CommandLine;

public sealed class SettingsStartupTests : IDisposable
{
    private readonly SettingsFolder _folder = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose()
    {
        _folder.Dispose();
        _output.Dispose();
        _error.Dispose();
    }

    private string[] Errors => _error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    private Task<SettingsStartup> RunAsync(string line) => SettingsStartup.RunAsync(
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries),
        _folder.Variables,
        _folder.Path,
        _folder.ProgramDirectory,
        _folder.Loader,
        _output,
        _error);

    [Theory]
    [InlineData("")]
    [InlineData("explain --model a")]
    public async Task GoodSettings_GoOn(string line)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());

        var startup = await RunAsync(line);

        Assert.Null(startup.ExitCode);
        Assert.NotNull(startup.Snapshot);
        Assert.Equal(_folder.Path, startup.Sources!.WorkingDirectory);
        Assert.NotNull(startup.Files!.Main.Bytes);
        Assert.Equal("", _error.ToString() + _output);
    }

    [Theory]
    [InlineData("", 2)]
    [InlineData("check", 1)]
    [InlineData("explain --model a", 2)]
    public async Task FaultySettings_LeaveWithTheCommandsCode(string line, int code)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": -1, "Prot": 1 } """));

        Assert.Equal(code, (await RunAsync(line)).ExitCode);

        Assert.Equal(2, Errors.Length);
        Assert.Equal("", _output.ToString());
    }

    [Theory]
    [InlineData("--port x --prot 1")]
    [InlineData("check --port x --prot 1")]
    public async Task FaultyFlags_AreReportedTogetherWithFaultySettings(string line)
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Prot": 1 } """));

        Assert.Equal(2, (await RunAsync(line)).ExitCode);

        Assert.Equal(["--port \"x\"", "--prot", "Server:Prot"], Errors.Select(error => error.Split(": ")[0]));
        Assert.All(Errors, error => Assert.DoesNotContain("   at ", error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task UnusableConfigFlag_ChecksNoOtherFile()
    {
        _folder.Write("appsettings.json", "{");

        Assert.Equal(2, (await RunAsync("--config=")).ExitCode);

        Assert.Equal(["--config: no value given; expected the path of a settings file"], Errors);
    }

    [Fact]
    public async Task Check_PrintsTheReport()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());

        Assert.Equal(0, (await RunAsync("check")).ExitCode);

        Assert.StartsWith("settings ", _output.ToString(), StringComparison.Ordinal);
        Assert.Empty(Errors);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("--version")]
    public async Task Page_NeedsNoSettings(string line)
    {
        Assert.Equal(0, (await RunAsync(line)).ExitCode);

        Assert.NotEqual("", _output.ToString());
        Assert.Empty(Errors);
    }

    [Theory]
    [InlineData("--https --cert-path cert.pem --key-path key.pem", 2)]
    [InlineData("check --https --cert-path cert.pem --key-path key.pem", 1)]
    public async Task UnusableCertificate_IsAFaultOfStartAndCheck(string line, int exitCode)
    {
        _folder.Write("cert.pem", "not a certificate");
        _folder.Write("key.pem", "not a key");
        _folder.Write("appsettings.json", SettingsFolder.Json());

        Assert.Equal(exitCode, (await RunAsync(line)).ExitCode);

        Assert.StartsWith("Server:CertPath: ", Assert.Single(Errors), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cert.pem", "key.pem")]
    [InlineData("cert.pem")]
    [InlineData("key.pem")]
    public async Task AbsentFileOfTls_IsAWarningOfACommandThatNeedsNone(params string[] absent)
    {
        using var folder = new TempFolder();
        var (certificate, key) = TestCertificate.Create().WriteTo(folder);
        Array.ForEach(absent, name => File.Delete(folder.File(name)));
        _folder.Write("appsettings.json", SettingsFolder.Json());
        var flags = $"--ip 127.0.0.1 --https --cert-path {certificate} --key-path {key}";

        Assert.Equal(0, (await RunAsync($"check {flags}")).ExitCode);
        foreach (var command in (string[])["explain --model a", "usage", "write-off --team a --reason x"])
        {
            Assert.Null((await RunAsync($"{command} {flags}")).ExitCode);
        }

        Assert.Empty(Errors);
        Assert.Equal(
            absent.Select(name =>
                $"warning: Server:{(name == "key.pem" ? "KeyPath" : "CertPath")}: {folder.File(name)} does not exist here; "
                    + "the gateway needs it at its start"),
            _output.ToString().Split(Environment.NewLine).Where(line => line.StartsWith("warning: Server:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task AbsentFileOfTls_IsAFaultAtStart()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json());

        Assert.Equal(2, (await RunAsync("--https --cert-path cert.pem --key-path key.pem")).ExitCode);

        Assert.Equal(["Server:CertPath", "Server:KeyPath"], Errors.Select(error => error.Split(": ")[0]));
    }

    [Fact]
    public void ProcessVariables_AreThoseOfTheProcess() =>
        Assert.Equal(Environment.GetEnvironmentVariable("PATH"), SettingsStartup.ProcessVariables()["PATH"]);
}
