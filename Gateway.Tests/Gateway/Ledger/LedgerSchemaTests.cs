using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gateway.Ledger;
using Xunit;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>
/// Promise: a released migration is never edited, since ledgers that have applied it would differ from new ones. A new migration adds its hash
/// to a list; none of the others changes.
/// </summary>
public sealed class LedgerSchemaTests
{
    private static readonly string[] Sqlite =
    [
        "6919331a40bb9019d90ec125d6c536ac32f47c1990ff682078f8260e46e11253",
        "c402920ec2060e6cf366a4653f91017c1af2c637b6bec9671109f2046077d86e",
        "9d721b5b9c902016e53f3d4b0c366269ee84d03b5117afa799be2554edc08adf",
        "7f1bb084e5613a1f078c290db3ab5433f9924cd393147128cf6f9fbf4b8f32f9",
        "165445b31aa5d2cdbbf9fa3cd6255df0a8c9d302e30ed606a8bce13066aeb4eb",
        "69cbadedc78fe0e878b5a0e94e89c9f4887548825d6c89b928dcbf28797d3259",
        "f752887e124fe5b526418b3a23a6b8ae1d2f3c2d32b2e3446c789be69a2bc459",
        "94812d8551a7243e1b55e4ea2c6a25a6f8c291d8780110c421efae4a37aa7e03",
        "3574b8afc6b16e8777c56cd16f5417fcc095acea3e2e9d91f6204221b7fa5c73",
    ];

    private static readonly string[] Postgres =
    [
        "2e7e494a34f67d951b13c111bddae4ec0eb5456757c5f98fe53a8bf648bbcf84",
        "9d721b5b9c902016e53f3d4b0c366269ee84d03b5117afa799be2554edc08adf",
        "7f1bb084e5613a1f078c290db3ab5433f9924cd393147128cf6f9fbf4b8f32f9",
        "165445b31aa5d2cdbbf9fa3cd6255df0a8c9d302e30ed606a8bce13066aeb4eb",
        "e1f63c9f31be03f2348cf3852222796fae2dd960e53dfdea9741a5a7366e7b85",
        "a0e32c74b1f6c6df9b99e5dffe1ee950717d35e64f6d0cf716edbef621be0c78",
        "f9e719abec878004551fb75a5fcfd0407bd82f81b60b347c7e8aff44c1b0277e",
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ReleasedMigrations_AreUnchanged(bool isSqlite) =>
        Assert.Equal(isSqlite ? Sqlite : Postgres, Enumerable.Range(1, LedgerSchema.Version(isSqlite)).Select(version => HashOf(version, isSqlite)));

    /// <summary>The hash of the statements that lead to a version from the one before.</summary>
    private static string HashOf(int version, bool isSqlite)
    {
        var statements = After(version - 1).SkipLast(After(version).Count);
        var text = string.Join('\n', statements).ReplaceLineEndings("\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

        List<string> After(int applied) => [.. LedgerSchema.Upgrade(applied.ToString(CultureInfo.InvariantCulture), isSqlite)];
    }
}
