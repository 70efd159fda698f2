using Gateway.Configuration;
using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Reports;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>Sections <c>Usage</c>, <c>Limits</c> and <c>Admin</c>.</summary>
public sealed class StoreSettingsTests : IDisposable
{
    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private void Write(string sections) => _folder.Write("appsettings.json", SettingsFolder.Json(sections));

    [Fact]
    public async Task PasswordThatBreaksItsUrl_IsNotShown()
    {
        _folder.Write(
            "appsettings.json",
            """
            { "ReverseProxy": {
                "Routes": { "all": { "ClusterId": "c", "Match": { "Path": "/{**all}" } } },
                "Clusters": { "c": {
                    "HttpClient": { "WebProxy": { "Address": "http://user:pa/ssSECRET@proxy.corp:8080" } },
                    "Destinations": { "d": { "Address": "http://127.0.0.1:9/" } } } } } }
            """);

        var fault = Assert.Single(await _folder.LoadBadAsync());

        Assert.StartsWith("ReverseProxy:Clusters:c:HttpClient:WebProxy:Address: ", fault, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CertPath")]
    [InlineData("KeyPath")]
    public async Task PathWithANulCharacter_IsAFault(string name)
    {
        Write($$""" "Server": { "{{name}}": "a\u0000b" } """);

        Assert.StartsWith($"Server:{name}: contains a NUL character", Assert.Single(await _folder.LoadBadAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutSections_DefaultsHoldWithAbsolutePaths()
    {
        Write("");
        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(
            new UsageSettings
            {
                Sqlite = new SqliteSettings { Path = Path.Combine(_folder.Path, "data/usage.db") },
                PricesPath = Path.Combine(_folder.Path, "data/prices.json"),
            },
            snapshot.Settings.Usage);
        Assert.Equal(TimeSpan.FromDays(400), snapshot.Settings.Usage.Retention);
        Assert.Equal(FailurePolicy.Refuse, snapshot.Settings.Usage.WhenStoreFails);
        Assert.Equal(4096, snapshot.Settings.Limits.AssumedCompletionTokens);
        Assert.Equal((FailurePolicy.Allow, FailurePolicy.Refuse), (snapshot.Settings.Limits.WhenStoreFails.Limits, snapshot.Settings.Limits.WhenStoreFails.Budgets));
        Assert.Equal(("ogw:", TimeSpan.FromMilliseconds(250)), (snapshot.Settings.Limits.Redis.KeyPrefix, snapshot.Settings.Limits.Redis.Timeout));
        Assert.Equal("", snapshot.Settings.Admin.Url);
        Assert.True(snapshot.Teams.IsEmpty);
        Assert.True(snapshot.PostgresConnectionString is null && snapshot.RedisConfiguration is null && snapshot.AdminToken is null);
        Assert.Empty(snapshot.Warnings);
    }

    [Fact]
    public async Task Secrets_AreResolvedAndNotShown()
    {
        Write("""
            "Usage": { "Store": "Postgres", "Postgres": { "ConnectionString": "Host=db;Password=marked-db" } },
            "Limits": { "Store": "Redis", "Redis": { "Configuration": "env:REDIS" } },
            "Admin": { "Url": "http://0.0.0.0:9464", "Token": "file:token" }
            """);
        _folder.Variables["REDIS"] = "redis:6379,password=marked-redis";
        _folder.Write("token", "marked-token\n");
        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal("Host=db;Password=marked-db", snapshot.PostgresConnectionString!.Reveal());
        Assert.Equal("redis:6379,password=marked-redis", snapshot.RedisConfiguration!.Reveal());
        Assert.Equal("marked-token", snapshot.AdminToken!.Reveal());
        Assert.Equal(Path.Combine(_folder.Path, "token"), Assert.Single(snapshot.SecretFiles).Path);
        Assert.DoesNotContain("marked", snapshot.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(
            "marked", CheckReport.Write(snapshot, _folder.Sources(), SettingsFiles.Read(_folder.Sources())), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"Usage\": { \"Store\": \"MySql\" }", "Usage:Store: got \"MySql\"; expected one of Sqlite, Postgres")]
    [InlineData("\"Usage\": { \"Store\": \"Postgres\" }", "Usage:Postgres:ConnectionString: is missing; expected a connection string, env:NAME or file:PATH, since Store is Postgres")]
    [InlineData("\"Usage\": { \"Store\": \"Postgres\", \"Postgres\": { \"ConnectionString\": \"marked=1\" } }", "Usage:Postgres:ConnectionString: is not a valid Npgsql connection string; expected Host=…;Username=…;Password=…;Database=…")]
    [InlineData("\"Usage\": { \"Store\": \"Postgres\", \"Postgres\": { \"ConnectionString\": \"Password=marked\" } }", "Usage:Postgres:ConnectionString: names no Host")]
    [InlineData("\"Usage\": { \"Store\": \"Postgres\", \"Postgres\": { \"ConnectionString\": \"env:NOWHERE\" } }", "Usage:Postgres:ConnectionString: env:NOWHERE is not set or empty; expected it in the environment or in .env")]
    [InlineData("\"Usage\": { \"Sqlite\": { \"Path\": \" \" } }", "Usage:Sqlite:Path: is empty; expected the path of a file")]
    [InlineData("\"Usage\": { \"Retention\": \"40000.00:00:00\" }", "Usage:Retention: got \"40000.00:00:00\"; expected \"00:00:00\" to \"36500.00:00:00\"")]
    [InlineData("\"Usage\": { \"Retentoin\": 1 }", "Usage:Retentoin: unknown setting; expected one of Store, Sqlite, Postgres, Retention, WhenStoreFails, Durability, MaxJournalSize, PricesPath; did you mean Retention?")]
    [InlineData("\"Usage\": { \"MaxJournalSize\": 1048575 }", "Usage:MaxJournalSize: got 1048575; expected 1048576 to 1073741824")]
    [InlineData("\"Limits\": { \"AssumedCompletionTokens\": 0 }", "Limits:AssumedCompletionTokens: got 0; expected 1 to 10000000")]
    [InlineData("\"Limits\": { \"Redis\": { \"Timeout\": \"00:00:00\" } }", "Limits:Redis:Timeout: got \"00:00:00\"; expected \"00:00:00.0010000\" to \"00:00:30\"")]
    [InlineData("\"Limits\": { \"Redis\": { \"KeyPrefix\": \"a b\" } }", "Limits:Redis:KeyPrefix: expected 1 to 64 printable ASCII characters without blanks")]
    [InlineData("\"Limits\": { \"Prices\": [ { \"Model\": \"m\", \"Prompt\": \"-1\", \"Completion\": \"0\" } ] }", "Limits:Prices:0:Prompt: got \"-1\"; expected US dollars such as \"0.0000025\"")]
    [InlineData("\"Limits\": { \"Prices\": [ { \"Model\": \"m\", \"Prompt\": \"0\", \"Completion\": \"0\" }, { \"Model\": \"M\", \"Prompt\": \"0\", \"Completion\": \"0\" } ] }", "Limits:Prices:1:Model: \"M\" already has its price at Limits:Prices:0")]
    [InlineData("\"Limits\": { \"Prices\": [ { \"Prompt\": \"0\", \"Completion\": \"0\" } ] }", "Limits:Prices:0:Model: is missing; expected a string")]
    [InlineData("\"Admin\": { \"Url\": \"https://127.0.0.1:1\" }", "Admin:Url: got \"https://127.0.0.1:1\"; expected http://, an IP address or localhost, and a port, such as http://127.0.0.1:9464")]
    [InlineData("\"Admin\": { \"Url\": \"http://127.0.0.1:1/x\" }", "Admin:Url: got \"http://127.0.0.1:1/x\"; expected http://, an IP address or localhost, and a port, such as http://127.0.0.1:9464")]
    [InlineData("\"Admin\": { \"Url\": \"http://a:marked@127.0.0.1:1\" }", "Admin:Url: is not a valid address; expected http://, an IP address or localhost, and a port, such as http://127.0.0.1:9464")]
    [InlineData("\"Admin\": { \"Url\": \"127.0.0.1:9464\" }", "Admin:Url: got \"127.0.0.1:9464\"; expected http://, an IP address or localhost, and a port, such as http://127.0.0.1:9464")]
    [InlineData("\"Admin\": { \"Url\": \"http://admin.example:1\" }", "Admin:Url: got \"http://admin.example:1\"; expected http://, an IP address or localhost, and a port, such as http://127.0.0.1:9464")]
    [InlineData("\"Admin\": { \"Url\": \"http://0.0.0.0:9464\" }", "Admin:Token: is missing; expected a token, env:NAME or file:PATH, since Url is not loopback")]
    [InlineData("\"Admin\": { \"Url\": \"http://[::1]:9464\", \"Token\": \"marked marked\" }", "Admin:Token: contains a space or another character that headers do not allow; expected printable ASCII")]
    [InlineData("\"Admin\": { \"Token\": 5550 }", "Admin:Token: got a value that is not shown; expected a string")]
    public async Task BadSetting_IsNamedWithItsPathAndWithoutItsSecret(string section, string expected)
    {
        Write(section);

        Assert.Equal([expected], await _folder.LoadBadAsync());
    }

    [Theory]
    [InlineData("http://127.0.0.1:9464")]
    [InlineData("http://localhost:0/")]
    [InlineData("http://[::1]:9464")]
    public async Task LoopbackWithoutToken_IsGood(string url)
    {
        Write($"\"Admin\": {{ \"Url\": \"{url}\" }}");

        Assert.Null((await _folder.LoadGoodAsync()).AdminToken);
    }

    [Fact]
    public async Task UnusedReference_IsNotFollowed()
    {
        Write("""
            "Usage": { "Postgres": { "ConnectionString": "env:NOWHERE" } }, "Limits": { "Redis": { "Configuration": "file:nowhere" } },
            "Admin": { "Token": "env:NOWHERE" }
            """);

        Assert.Empty((await _folder.LoadGoodAsync()).SecretFiles);
    }

    [Fact]
    public async Task RedisBesideSqlite_IsAWarning()
    {
        Write("\"Limits\": { \"Store\": \"Redis\" }");
        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal("Limits:Store", Assert.Single(snapshot.Warnings).Path);
        Assert.Equal("localhost:6379", snapshot.RedisConfiguration!.Reveal());
    }

    [Fact]
    public async Task PriceWithoutRequest_StatesNone()
    {
        Write("\"Limits\": { \"Prices\": [ { \"Model\": \"m\", \"Prompt\": \"0.1\", \"Completion\": \"1e-6\" } ] }");

        Assert.Null(Assert.Single((await _folder.LoadGoodAsync()).Settings.Limits.Prices).Request);
    }

    [Fact]
    public async Task Variable_SetsAMember()
    {
        Write("");
        _folder.Variables["Limits__Store"] = "redis";
        _folder.Variables["Usage__WhenStoreFails"] = "Allow";
        var settings = (await _folder.LoadGoodAsync()).Settings;

        Assert.Equal(LimitsStore.Redis, settings.Limits.Store);
        Assert.Equal(FailurePolicy.Allow, settings.Usage.WhenStoreFails);
    }

    [Fact]
    public async Task RestartOnlySettings_AreToldAndTheRestIsNot()
    {
        Write("\"Admin\": { \"Url\": \"http://127.0.0.1:1\", \"Token\": \"env:TOKEN\" }");
        _folder.Variables["TOKEN"] = "one";
        var started = await _folder.LoadGoodAsync();
        _folder.Variables["TOKEN"] = "two";
        Write("""
            "Admin": { "Url": "http://127.0.0.1:1", "Token": "env:TOKEN" },
            "Usage": { "Retention": "1.00:00:00", "WhenStoreFails": "Allow" }, "Limits": { "AssumedCompletionTokens": 5, "WriteMaxPrice": true }
            """);

        Assert.Equal(["Usage:WhenStoreFails", "Admin:Token"], RestartOnlySettings.Changed(started, await _folder.LoadGoodAsync()));
    }

    // A counter that is made anew is made from the sums of its days and from the rows that are not settled.
    [Theory]
    [InlineData("Day", "23:59:59", "1.00:00:00")]
    [InlineData("Week", "6.00:00:00", "7.00:00:00")]
    [InlineData("Month", "30.00:00:00", "31.00:00:00")]
    public async Task RetentionBelowABudgetsPeriod_IsAFault(string period, string retention, string least)
    {
        WriteBudgets(retention, "Day", period);

        Assert.StartsWith(
            $"Usage:Retention: got \"{retention}\"; expected at least \"{least}\", or \"00:00:00\" to keep all rows, since the budget of team \"",
            Assert.Single(await _folder.LoadBadAsync()),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task RetentionBelowTheBudgetOfAKey_IsAFault()
    {
        _folder.Variables["UPSTREAM"] = "sk-or-v1-x";
        var team = TeamSetup.Team(
            """ "Budget": { "Usd": 1, "Period": "Day" } """, keyMore: """, "Label": "ci", "Budget": { "Usd": 1, "Period": "Week" } """, reference: "env:UPSTREAM");
        Write($$""" "Usage": { "Retention": "6.00:00:00" }, "Teams": [ {{team}} ]""");

        Assert.EndsWith(
            "since the budget of key \"ci\" of team \"search\" is for a Week", Assert.Single(await _folder.LoadBadAsync()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.00:00:00", "Day")]
    [InlineData("31.00:00:00", "Month")]
    [InlineData("00:00:00", "Month")]
    [InlineData("00:00:01", "Total")]
    public async Task RetentionOfABudgetsPeriod_IsGood(string retention, string period)
    {
        WriteBudgets(retention, period, period);

        await _folder.LoadGoodAsync();
    }

    private void WriteBudgets(string retention, params string[] periods)
    {
        _folder.Variables["UPSTREAM"] = "sk-or-v1-x";
        var teams = periods.Select((period, i) => TeamSetup.Team(
            $$"""" "Budget": { "Usd": 1, "Period": "{{period}}" } """", $"team-{i}", $"ogw-{i}", reference: "env:UPSTREAM"));
        Write($$"""" "Usage": { "Retention": "{{retention}}" }, "Teams": [ {{string.Join(", ", teams)}} ]"""");
    }
}
