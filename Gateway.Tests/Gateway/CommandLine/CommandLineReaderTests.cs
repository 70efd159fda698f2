using Gateway.CommandLine;
using Xunit;

namespace Gateway.Tests.Gateway.CommandLine;

public sealed class CommandLineReaderTests
{
    public static TheoryData<string[], object> Flags => new()
    {
        { [], new CommandLineArguments() },
        { ["--port", "8080"], new CommandLineArguments { Port = 8080 } },
        { ["--port=8080"], new CommandLineArguments { Port = 8080 } },
        { ["-p", "8080"], new CommandLineArguments { Port = 8080 } },
        { ["-p=8080"], new CommandLineArguments { Port = 8080 } },
        { ["-p8080"], new CommandLineArguments { Port = 8080 } },
        { ["--port", "0"], new CommandLineArguments { Port = 0 } },
        { ["--ip", "127.0.0.1"], new CommandLineArguments { Address = "127.0.0.1" } },
        { ["--ip=::1"], new CommandLineArguments { Address = "::1" } },
        { ["-i", "::"], new CommandLineArguments { Address = "::" } },
        { ["--https"], new CommandLineArguments { Https = true } },
        { ["--https=true"], new CommandLineArguments { Https = true } },
        { ["--https=false"], new CommandLineArguments { Https = false } },
        { ["--https", "--port", "1"], new CommandLineArguments { Https = true, Port = 1 } },
        { ["--cert-path", "a b.pem"], new CommandLineArguments { CertPath = "a b.pem" } },
        { ["--cert-path=a=b.pem"], new CommandLineArguments { CertPath = "a=b.pem" } },
        { ["--key-path", "k.pem"], new CommandLineArguments { KeyPath = "k.pem" } },
        { ["--key-path=k.pem"], new CommandLineArguments { KeyPath = "k.pem" } },
        { ["--openrouter-base-url", "http://127.0.0.1:9/v1/"], new CommandLineArguments { OpenRouterBaseUrl = "http://127.0.0.1:9/v1" } },
        { ["--openrouter-base-url=https://openrouter.ai"], new CommandLineArguments { OpenRouterBaseUrl = "https://openrouter.ai" } },
        { ["--config", "x.json"], new CommandLineArguments { ConfigPath = "x.json" } },
        { ["--config=x.json"], new CommandLineArguments { ConfigPath = "x.json" } },
        { ["--verbose"], new CommandLineArguments { Verbose = true } },
        { ["--environment=Staging", "--contentRoot=/x", "--applicationName=y"], new CommandLineArguments { Environment = "Staging" } },
        { ["check"], new CommandLineArguments { Command = GatewayCommand.Check } },
        {
            ["check", "--config=x.json", "--port", "1"],
            new CommandLineArguments { Command = GatewayCommand.Check, ConfigPath = "x.json", Port = 1 }
        },
        { ["--config", "x.json", "check"], new CommandLineArguments { Command = GatewayCommand.Check, ConfigPath = "x.json" } },
        { ["--https", "check"], new CommandLineArguments { Command = GatewayCommand.Check, Https = true } },
        {
            ["explain", "--model", "openai/gpt-4o"],
            new CommandLineArguments { Command = GatewayCommand.Explain, Explain = new() { Model = "openai/gpt-4o" } }
        },
        {
            ["explain", "--model", "m", "--team", "search", "--key", "the CI"],
            new CommandLineArguments { Command = GatewayCommand.Explain, Explain = new() { Model = "m", Team = "search", Key = "the CI" } }
        },
        {
            ["keys", "new", "--team", "search"],
            new CommandLineArguments { Command = GatewayCommand.KeysNew, KeysNew = new() { Team = "search" } }
        },
        {
            ["keys", "new", "--team=a.b", "--label", "the CI", "--expires=2030-01-01T00:00:00+02:00"],
            new CommandLineArguments
            {
                Command = GatewayCommand.KeysNew,
                KeysNew = new() { Team = "a.b", Label = "the CI", Expires = "2030-01-01T00:00:00+02:00" },
            }
        },
        {
            ["explain", "--body=b.json", "--path=/v1/embeddings", "--port=1"],
            new CommandLineArguments
            {
                Command = GatewayCommand.Explain,
                Port = 1,
                Explain = new() { BodyPath = "b.json", RequestPath = "/v1/embeddings" },
            }
        },
    };

    [Theory]
    [MemberData(nameof(Flags))]
    public void Flag_GivesItsValue(string[] args, object expected)
    {
        var result = CommandLineReader.Read(args);

        Assert.Empty(result.Faults);
        Assert.Null(result.Page);
        Assert.Equal(
            (CommandLineArguments)expected with { ModelProviderMappings = result.Arguments.ModelProviderMappings }, result.Arguments);
        Assert.Empty(result.Arguments.ModelProviderMappings);
    }

    [Fact]
    public void Mappings_AreRepeatableInBothSpellingsAndNeverResponseFiles()
    {
        var result = CommandLineReader.Read(
            ["--model-provider-mapping", "@preset/x=A", "--model-provider-mapping=b=B,C", "--model-provider-mapping", " c = D = E"]);

        Assert.Empty(result.Faults);
        Assert.Equal(["@preset/x=A", "b=B,C", " c = D = E"], result.Arguments.ModelProviderMappings);
    }

    [Theory]
    [InlineData("--port abc", "--port \"abc\": expected a port from 0 to 65535")]
    [InlineData("--port 65536", "--port \"65536\": expected a port from 0 to 65535")]
    [InlineData("--port -1", "--port \"-1\": expected a port from 0 to 65535")]
    [InlineData("--port", "--port: no value given; expected a port from 0 to 65535")]
    [InlineData("--port=", "--port: no value given; expected a port from 0 to 65535")]
    [InlineData("--port --https", "--port: no value given; expected a port from 0 to 65535")]
    [InlineData("--port 1 --port 2", "--port: given 2 times (\"1\", \"2\"); expected once")]
    [InlineData("--ip localhost", "--ip \"localhost\": expected an IPv4 or IPv6 address such as 0.0.0.0 or ::1")]
    [InlineData("--ip 1", "--ip \"1\": expected an IPv4 or IPv6 address such as 0.0.0.0 or ::1")]
    [InlineData("--https=maybe", "--https \"maybe\": expected true or false, or no value")]
    [InlineData("--https maybe", "\"maybe\": unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("--https=true --https=false", "--https: given 2 times; expected once")]
    [InlineData("--https --https", "--https: given 2 times; expected once")]
    [InlineData("--https=", "--https: no value given; expected true or false, or no equals sign")]
    [InlineData("[chekc]", "\"[chekc]\": unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("[a] [b] check", "\"[a]\": unknown argument; expected a flag, check, explain, health, keys, usage or write-off", "\"[b]\": unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("--cert-path --key-path", "--cert-path: no value given; expected the path of a PEM file")]
    [InlineData("--openrouter-base-url openrouter.ai", "--openrouter-base-url: \"openrouter.ai\" is not a valid upstream address; expected an absolute http or https URL such as https://openrouter.ai/api/v1")]
    [InlineData("--openrouter-base-url ftp://a", "--openrouter-base-url: \"ftp://a\" is not a valid upstream address; expected an absolute http or https URL such as https://openrouter.ai/api/v1")]
    [InlineData("--openrouter-base-url http://a?b=c", "--openrouter-base-url: \"http://a?b=c\" has a query or a fragment; expected an absolute http or https URL such as https://openrouter.ai/api/v1")]
    [InlineData("--model-provider-mapping gpt-4", "--model-provider-mapping: got \"gpt-4\", expected PATTERN=PROVIDER[,PROVIDER...]")]
    [InlineData("--model-provider-mapping a=A,,B", "--model-provider-mapping: got \"a=A,,B\", expected PATTERN=PROVIDER[,PROVIDER...]")]
    [InlineData("--model-provider-mapping a=A --model-provider-mapping", "--model-provider-mapping: no value given; expected PATTERN=PROVIDER[,PROVIDER…]")]
    [InlineData("--model-provider-mapping a=A b=B", "\"b=B\": unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("--prot 3000", "--prot: unknown flag; did you mean --port?")]
    [InlineData("--prot=3000", "--prot: unknown flag; did you mean --port?")]
    [InlineData("--nonsense-entirely", "--nonsense-entirely: unknown flag; --help lists them")]
    [InlineData("chekc", "\"chekc\": unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("explain", "explain: nothing to explain; expected --model NAME, --body FILE or both")]
    [InlineData("explain --model a --path v1", "--path \"v1\": expected a path that begins with / and has no NUL character")]
    [InlineData("explain --model a --path /v1/%00", "--path \"/v1/%00\": expected a path that begins with / and has no NUL character")]
    [InlineData("explain --model a --team b/c", "--team \"b/c\": expected 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    [InlineData("keys", "keys: needs a sub-command; expected keys new --team ID")]
    [InlineData("keys new", "keys new: no team given; expected --team ID")]
    [InlineData("keys new --team", "--team: no value given; expected 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    [InlineData("keys new --team --label x", "--team: no value given; expected 1 to 64 of the characters A-Z a-z 0-9 . _ -", "\"x\": unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("keys new --team a b", "\"b\": unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("keys new --team a --label ogw-x", "--label: is not a valid label; expected 1 to 64 printable characters that do not begin with ogw-")]
    [InlineData("keys new --team a --expires 2030-01-01", "--expires \"2030-01-01\": expected ISO 8601 with its offset, such as 2027-01-01T00:00:00Z")]
    [InlineData("--model a", "--model: unknown flag; --help lists them")]
    [InlineData("--environment ../x", "--environment \"../x\": expected a name such as Production, of letters, digits, '.', '_' and '-'")]
    public void BadFlag_IsQuotedWithWhatWasExpected(string line, params string[] expected)
    {
        var result = CommandLineReader.Read(line.Split(' '));

        Assert.Equal(expected, result.Faults.Select(fault => fault.ToString()));
    }

    [Theory]
    [InlineData("--openrouter-base-url http://u:secret@h/ --openrouter-base-url http://u:secret@h/", "--openrouter-base-url: given 2 times; expected once")]
    [InlineData("--openrouter-base-url http://h/ --openrouter-base-url=http://secret@h/", "--openrouter-base-url: given 2 times; expected once")]
    [InlineData("--openrouter-base-url u:secret@h", "--openrouter-base-url: the value is not a valid upstream address; expected an absolute http or https URL such as https://openrouter.ai/api/v1")]
    [InlineData("--config ogw-secret --config b", "--config: given 2 times; expected once")]
    [InlineData("keys new --team a --label ogw-secret --label ogw-secret", "--label: given 2 times; expected once")]
    [InlineData("keys new --team a --label sk-or-v1-secret --label b", "--label: given 2 times; expected once")]
    [InlineData("keys new --team a --expires ogw-secret", "--expires: is not shown, since it may hold a key or a password; expected ISO 8601 with its offset, such as 2027-01-01T00:00:00Z")]
    [InlineData("explain --model a --path http://u:secret@h/v1", "--path: is not shown, since it may hold a key or a password; expected a path that begins with / and has no NUL character")]
    [InlineData("check http://u:secret@h/", "an argument with a key or a password: unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("keys new --team a ogw-secret", "an argument with a key or a password: unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("check sk-or-v1-secret", "an argument with a key or a password: unknown argument; expected a flag, check, explain, health, keys, usage or write-off")]
    [InlineData("keys new --team a --expires sk-or-v1-secret", "--expires: is not shown, since it may hold a key or a password; expected ISO 8601 with its offset, such as 2027-01-01T00:00:00Z")]
    [InlineData("explain --model a --team ogw-secretsecretsecretsecretsecretsecretsecret0", "--team: is not shown, since it may hold a key or a password; expected 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    public void Secret_IsNeverQuoted(string line, string expected)
    {
        var result = CommandLineReader.Read(line.Split(' '));

        Assert.Equal(expected, Assert.Single(result.Faults).ToString());
        Assert.DoesNotContain("secret", expected, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryFault_IsReportedAtOnce()
    {
        var result = CommandLineReader.Read(
            [
                "--port=abc", "--ip=x", "--https=maybe", "--openrouter-base-url=x", "--model-provider-mapping=x",
                "--model-provider-mapping=y", "--prot", "1", "--config=", "check",
            ]);

        Assert.Equal(
            [
                "--config", "--port \"abc\"", "--ip \"x\"", "--openrouter-base-url", "--model-provider-mapping", "--model-provider-mapping",
                "--https \"maybe\"", "--prot",
            ],
            result.Faults.Select(fault => fault.Path));
        Assert.True(result.IsConfigPathFaulty);
        Assert.Null(result.Arguments.Https);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
    [InlineData("--help --port abc")]
    [InlineData("check --help")]
    public void Help_GivesThePageWhateverElseIsWrong(string line)
    {
        var result = CommandLineReader.Read(line.Split(' '));

        Assert.Empty(result.Faults);
        Assert.Contains("--model-provider-mapping <PATTERN=P1,P2>", result.Page, StringComparison.Ordinal);
        Assert.DoesNotContain("--contentRoot", result.Page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--version")]
    [InlineData("check --version")]
    [InlineData("--version check")]
    [InlineData("keys new --version")]
    [InlineData("usage --team a --version")]
    public void Version_IsTheProgramsOwn(string line)
    {
        var result = CommandLineReader.Read(line.Split(' '));

        Assert.Empty(result.Faults);
        Assert.Matches(@"^\d+\.\d+\.\d+", result.Page);
    }
}
