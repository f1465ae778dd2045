namespace PipeRoll.Streams.Tests.Metadata;

// Every contract on every engine.

public sealed class SqliteMetadataTests() : MetadataStoreContract(new SqliteDatabase());

public sealed class SqliteClusterCatalogTests() : ClusterCatalogContract(new SqliteDatabase());

public sealed class SqlitePlacementTests() : PlacementContract(new SqliteDatabase());

public sealed class SqliteCommitTests() : CommitContract(new SqliteDatabase());

public sealed class PostgresMetadataTests(PostgresFixture postgres) : MetadataStoreContract(postgres.NewDatabase());

public sealed class PostgresClusterCatalogTests(PostgresFixture postgres) : ClusterCatalogContract(postgres.NewDatabase());

public sealed class PostgresPlacementTests(PostgresFixture postgres) : PlacementContract(postgres.NewDatabase());

public sealed class PostgresCommitTests(PostgresFixture postgres) : CommitContract(postgres.NewDatabase());

public sealed class SqliteSecurityTests() : SecurityContract(new SqliteDatabase());

public sealed class PostgresSecurityTests(PostgresFixture postgres) : SecurityContract(postgres.NewDatabase());
