#!/bin/sh
# Fill a folder with the secrets that compose.yaml hands to Airflow. Keeps what stands. Usage: make-secrets.sh FOLDER
set -eu
umask 077
folder=${1:?usage: make-secrets.sh FOLDER}
mkdir -p "$folder"
cd "$folder"

# Random bytes in base64's URL-safe letters.
random() { head -c "$1" /dev/urandom | base64 -w 0 | tr '+/' '-_'; }
keep() { [ -e "$1" ] || { cat >"$1.new" && mv "$1.new" "$1"; }; }

random 32 | tr -d = | keep database_password
# Airflow reaches PostgreSQL by this address alone; the password is made of letters that a URL may hold as they are.
printf 'postgresql+psycopg://airflow:%s@postgres:5432/airflow' "$(cat database_password)" | keep database_url
random 32 | keep fernet_key
random 48 | keep api_secret
random 48 | keep jwt_secret
printf '{"admin": "%s"}\n' "$(random 18)" | keep passwords.json
echo "made in $folder: $(ls | tr '\n' ' ')"
echo "the password of Airflow's user admin stands in $folder/passwords.json"
