"""The one table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Make it."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Parcel",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("tracking_number", models.CharField(max_length=16, unique=True)),
                ("origin_country_id", models.CharField(max_length=2)),
                ("destination_country_id", models.CharField(max_length=2)),
                ("weight", models.DecimalField(decimal_places=3, max_digits=8)),
                ("created_at", models.DateTimeField()),
                ("customer_id", models.UUIDField()),
                ("customer_name", models.CharField(max_length=255)),
                ("customer_slug", models.CharField(max_length=255)),
            ],
        ),
    )
