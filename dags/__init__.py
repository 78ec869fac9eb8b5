"""How Airflow runs the exchange: wiring only, so that it can be run without Airflow too."""
