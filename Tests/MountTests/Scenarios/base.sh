# base.sh: makes the base of every scenario in the given directory.
set -eu
cd "$1"
printf 'one\ntwo\nthree\n' > a.txt
echo notes > notes
echo blank > 'with space'
mkdir -p src/lib/deep empty
echo 'int main(void) { return 0; }' > src/main.c
echo util > src/lib/util.c
echo leaf > src/lib/deep/leaf
ln -s a.txt link
echo shared > hard1
ln hard1 hard2
echo 'echo run' > tool
chmod 755 tool
i=0
while [ $i -lt 2000 ]; do
    echo "line $i of a file with some length"
    i=$((i + 1))
done > big
touch -d 2020-01-02T03:04:05Z a.txt src/main.c
