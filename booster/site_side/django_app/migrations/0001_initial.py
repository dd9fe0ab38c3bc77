from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="CountedOrder",
            fields=[
                ("order", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("counted", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="CountedPlay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("order", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=200)),
                ("counted_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.AddConstraint(
            model_name="countedplay",
            constraint=models.UniqueConstraint(
                fields=["order", "key"], name="booster_office_play_once"
            ),
        ),
    ]
